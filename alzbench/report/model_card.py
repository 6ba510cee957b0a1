"""The model card beside an exported model, in Markdown (Mitchell et al., 2019, https://arxiv.org/abs/1810.03993)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from alzbench import __version__
from alzbench.data.protocols import PROTOCOLS
from alzbench.evaluation.intervals import FEWEST_CLUSTERS
from alzbench.evaluation.metrics import CLASS_HEADLINE
from alzbench.experiment import Experiment
from alzbench.inference.formats import FORMATS, INPUT, LIMIT, Format
from alzbench.report.document import Column, Document, Form, Section, Table, make_table
from alzbench.report.markup import render_markdown
from alzbench.report.remarks import leak_mark, run_warnings
from alzbench.report.run import ScoredRun, run_document
from alzbench.store import Run

if TYPE_CHECKING:
    from alzbench.inference.export import Exported  # imports Keras

_SCORES = ("overall", CLASS_HEADLINE.name, "by_subject")  # tables of the run's page


def render_model_card(
    scored: ScoredRun, split: pd.DataFrame, experiment: Experiment, exported: Exported, slices: int | None
) -> str:
    """Return the model card of an exported model.

    Args:
        scored: The run, with its predictions.
        split: The table split.csv of the run.
        experiment: Its resolved experiment.
        exported: The export.
        slices: Number of slices in one set, for a model that classifies subjects; else None.
    """
    run, kind = scored.run, FORMATS[exported.format]
    classes = list(scored.images)
    document = Document(
        f"{run.card.title}: {kind.title}",
        f"A classifier of brain MRI {'subjects' if slices else 'slices'} into {len(classes)} classes, for research "
        "only. This is not a medical device, and its output is no diagnosis.",
        (
            Section("Model", tables=(_model(run, experiment), _files(exported))),
            _interface(experiment, classes, slices),
            _training(run, split, experiment, classes),
            _test(scored),
            _check(exported, kind, slices),
            Section("Intended use", notes=_USE),
            Section("Limits", notes=tuple(_limits(scored))),
        ),
    )
    lines = textwrap.indent(example(kind, exported.path, experiment, classes, slices), "    ")
    return f"{render_markdown(document)}\n## How to use it\n\n{lines}\n"


_USE = (
    "Research: to repeat and compare results on the data set it was trained on, and to study what such models learn.",
    "It must not be used for diagnosis, screening or any decision about a person.",
)


def _facts(title: str, facts: Mapping[str, str]) -> Table:
    records = [{"what": what, "value": value} for what, value in facts.items() if value]
    return make_table(title, [Column("what", "what"), Column("value", "value")], records)


def _model(run: Run, experiment: Experiment) -> Table:
    card, model = run.card, experiment.model
    return _facts(
        "Origin",
        {
            "description": card.description,
            "run": run.name,
            "variant": card.variant,
            "backbone": f"{model.backbone.name}, weights {Path(model.backbone.weights).name}, {_cut(experiment)}",
            "trained": card.finished[:10],
            "seed": f"{card.seed}" + ("" if card.fold is None else f", fold {card.fold} of {card.folds}"),
            "settings hash": card.settings_hash,
            "alzbench": __version__,
        },
    )


def _cut(experiment: Experiment) -> str:
    """Return which layers of the backbone are used and trained."""
    until, tuned = experiment.model.backbone.until, experiment.fine_tune
    if tuned is None:
        return f"up to {until}, frozen" if until else "frozen"
    return f"fine-tuned above {until}" if until else f"fine-tuned from {tuned.first_block}"


def _files(exported: Exported) -> Table:
    columns = [Column("file", "file"), Column("hash", "SHA-256")]
    records = [{"file": name, "hash": digest} for name, digest in exported.files.items()]
    return make_table("Files", columns, records, f"{exported.bytes:,} bytes.")


def _interface(experiment: Experiment, classes: Sequence[str], slices: int | None) -> Section:
    data = experiment.data
    shape = (*([slices] if slices else []), data.size, data.size, data.channels)
    colour = "grey (one channel)" if data.channels == 1 else "RGB (three channels)"
    facts = {
        "input": f"{INPUT}: float32, shape (batch, {', '.join(map(str, shape))}), values from 0 to 255",
        "images": f"{colour}, resized to {data.size} x {data.size} pixels (width and height), bilinear with "
        "antialiasing, without keeping the aspect ratio, as Pillow's resize does",
        "preprocessing": "inside the file: do not scale the pixels",
        "output": f"float32, shape (batch, {len(classes)}): a probability for each class, which sum to 1",
    }
    if slices:
        facts["slices"] = f"exactly {slices} different slices of one subject, in any order"
    columns = [Column("index", "output", Form()), Column("class", "class")]
    order = make_table("Classes in the order of the outputs", columns, _numbered(classes))
    return Section("Input and output", tables=(_facts("Interface", facts), order))


def _numbered(classes: Sequence[str]) -> list[dict[str, int | str]]:
    return [{"index": index, "class": name} for index, name in enumerate(classes)]


def _training(run: Run, split: pd.DataFrame, experiment: Experiment, classes: Sequence[str]) -> Section:
    """Return the images of each part of the split."""
    source = experiment.data.source
    parts = ["train", "validation", "test"]
    columns = [
        Column("class", "class"),
        *(Column(part, f"{part} images", Form()) for part in parts),
        *(Column(f"{part}_subjects", f"{part} subjects", Form()) for part in parts),
    ]
    records = [_counts(name, split[split["label"] == label], parts) for label, name in enumerate(classes)]
    records.append(_counts("all", split, parts))
    place = {"kaggle": f"Kaggle, {experiment.data.kaggle}", "phantom": "synthetic phantom slices"}
    facts = {
        "source": place.get(source, f"a folder named {Path(source).name}"),
        "fingerprint": run.card.data,
        "labels": "shuffled among the subjects: the model learned nothing about the disease"
        if experiment.labels == "shuffled"
        else "",
    }
    return Section("Training data", tables=(_facts("Image set", facts), make_table("Images", columns, records)))


def _counts(name: str, rows: pd.DataFrame, parts: Iterable[str]) -> dict[str, int | str | None]:
    counts: dict[str, int | str | None] = {"class": name}
    for part in parts:
        of_part = rows[rows["part"] == part]
        known = bool((of_part["subject"] != "").all())
        counts |= {part: len(of_part), f"{part}_subjects": of_part["subject"].nunique() if known else None}
    return counts


def _test(scored: ScoredRun) -> Section:
    card = scored.run.card
    protocol = f"Protocol {card.protocol}: {PROTOCOLS[card.protocol].description}"
    leak = "" if card.leaks else "No subject of the test images is in training or validation."
    tables = tuple(t for section in run_document(scored).sections for t in section.tables if t.key in _SCORES)
    return Section("Test", run_warnings(card), tables, tuple(text for text in (protocol, leak) if text))


def _check(exported: Exported, kind: Format, slices: int | None) -> Section:
    what = f"{exported.images} test images" + (f" in sets of {slices}" if slices else "")
    against = (
        "the run's model, in sets filled by repeating slices, because no test subject has as many slices"
        if exported.filled
        else "the stored predictions of the run"
    )
    note = (
        f"{what} were predicted with this file ({kind.title}) and compared with {against}. The largest difference of "
        f"a probability is {exported.difference:.1e}; at most {exported.limit:.0e} was accepted."
    )
    warning = f"This file differs from the run by more than {LIMIT:.0e}, which the user accepted."
    return Section("Check of this file", (warning,) if exported.difference > LIMIT else (), notes=(note,))


def _limits(scored: ScoredRun) -> Iterable[str]:
    card, scores = scored.run.card, scored.scores
    if leak_mark(card.leaks):
        yield "The scores do not say how well new people are classified, because of the leakage above."
    if scores.subjects is not None:
        yield f"It was tested on {scores.subjects:,} people only, so the intervals are wide."
    few = _few(scored)
    if few:
        yield f"Too few people to test (fewer than {FEWEST_CLUSTERS} with an interval): {', '.join(few)}."
    yield "It is one training with one seed; another seed has other scores and other errors."
    yield (
        "It was trained and tested on one data set. Other scanners, sequences, slice positions and populations, and "
        "images that were prepared in another way, were not tested."
    )
    yield (
        "Age and brain volume differ between the classes of such data sets, so a part of what it finds may be age and "
        "not disease."
    )


def _few(scored: ScoredRun) -> list[str]:
    """Return the classes with fewer test subjects than an interval needs."""
    table = scored.table
    if table is None or scored.scores.subjects is None:
        return []
    subjects = table.groupby("label")["subject"].nunique()
    return [name for name in scored.images if subjects.get(name, 0) < FEWEST_CLUSTERS]


def example(kind: Format, path: Path, experiment: Experiment, classes: Sequence[str], slices: int | None) -> str:
    """Return a Python program that classifies an image, or the slices of a subject, with an exported model."""
    data = experiment.data
    mode, size = "L" if data.channels == 1 else "RGB", data.size
    shape = f"({slices}, {size}, {size}, {data.channels})" if slices else f"({size}, {size}, {data.channels})"
    read = f"""Image.open(file).convert("{mode}").resize(({size}, {size}), Image.Resampling.BILINEAR)"""
    files = f'sorted(Path("subject").iterdir())[:{slices}]' if slices else '["slice.png"]'
    imports = ["import numpy as np", "from PIL import Image"]
    program = kind.example.format(path=path.name)
    lines = [
        *(["from pathlib import Path", ""] if slices else []),
        *imports,
        "",
        f"images = [{read} for file in {files}]",
        f"pixels = np.stack([np.asarray(image, np.float32) for image in images]).reshape(-1, *{shape})",
        "",
        program,
        f"print(dict(zip({list(classes)!r}, probabilities[0].tolist())))",
    ]
    return "\n".join(lines)
