"""The card of a job: the identity of its run."""

from __future__ import annotations

import pandas as pd

from alzbench.data.leakage import measure_leakage
from alzbench.data.manifest import ImageSet
from alzbench.runner.hashes import protocol_hash, run_hash, settings_hash, short_hash
from alzbench.runner.job import Job
from alzbench.store import Card


def make_card(job: Job, images: ImageSet, split: pd.DataFrame) -> Card:
    """Return the card of a job's run.

    Args:
        job: The job.
        images: Its image set.
        split: All images of the split, including the test part.
    """
    experiment = job.experiment
    test = split.loc[split["part"] == "test", ["image", "label"]]
    return Card(
        experiment=experiment.name,
        seed=job.seed,
        fold=job.fold,
        folds=len(experiment.protocol.test_folds),
        hash=run_hash(experiment, job.seed, job.fold, images.fingerprint, job.chosen_by),
        settings_hash=job.chosen_by or settings_hash(experiment),
        variant=experiment.model.variant,
        protocol=experiment.protocol.name,
        protocol_hash=protocol_hash(experiment),
        split_seed=experiment.protocol.split_seed,
        leaks=measure_leakage(split).sentence,
        data=images.fingerprint,
        test=short_hash(test.to_csv(index=False)),
        demo=experiment.demo,
        sanity=experiment.sanity,
        description=experiment.description,
        trial=job.trial,
    )
