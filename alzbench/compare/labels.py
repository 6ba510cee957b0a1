"""Labels of the experiments of a group: their names, with the settings that differ where several share a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alzbench.compare.repetitions import ExperimentRuns
from alzbench.compare.settings import Differing, Settings, find_differing, settings_of
from alzbench.errors import ExperimentError
from alzbench.evaluation.stacked import StackedCounts
from alzbench.registry import did_you_mean
from alzbench.store import Run

MARK = " · "  # between the name of an experiment and its settings
MOST_NAMED = 3  # settings in a label


def by_label(runs: Sequence[Run]) -> dict[str, ExperimentRuns]:
    """Return the experiments by label, in the order in which they were first run, and then the sanity baselines."""
    by_settings: dict[tuple[bool, str, str], list[Run]] = {}
    for run in runs:
        by_settings.setdefault((run.card.sanity, run.card.experiment, run.card.settings_hash), []).append(run)
    ordered = sorted(by_settings.items(), key=lambda item: item[0][0])
    names = [name for (_, name, _), _ in ordered]
    # the settings of thousands of runs are read only where a label needs them
    labels = make_labels(
        [
            (name, settings, settings_of(members) if names.count(name) > 1 else {})
            for (_, name, settings), members in ordered
        ]
    )
    return {label: ExperimentRuns.read(members) for label, (_, members) in zip(labels, ordered, strict=True)}


def find_baseline(
    experiments: Mapping[str, ExperimentRuns], counts: Mapping[str, StackedCounts], wanted: str | None
) -> str:
    """Return the label of the baseline, or the wanted name if no run has it."""
    name = wanted or "baseline"
    labels = [label for label in counts if experiments[label].runs[0].card.experiment == name]
    return next(iter(labels or ([] if wanted else counts)), name)


def require_baseline(wanted: str, groups: Sequence[Mapping[str, ExperimentRuns]]) -> None:
    """Raise ExperimentError if a baseline is neither the name nor the label of a compared experiment."""
    known: dict[str, None] = {}
    for experiments in groups:
        for label, experiment in experiments.items():
            if wanted in (label, experiment.runs[0].card.experiment):
                return
            if not experiment.runs[0].card.sanity:
                known[label] = None
    raise ExperimentError(
        f"The baseline must be one of the compared experiments: {', '.join(known)}; got {wanted!r}."
        f"{did_you_mean(wanted, list(known))}"
    )


def make_labels(experiments: Sequence[tuple[str, str, Settings]]) -> list[str]:
    """Return a label for each experiment of a group: its name, with the settings that differ if others share the name.

    Args:
        experiments: Name, hash and comparable settings of each; the hash tells apart what settings do not.
    """
    labels = [""] * len(experiments)
    by_name: dict[str, list[int]] = {}
    for place, (name, _, _) in enumerate(experiments):
        by_name.setdefault(name, []).append(place)
    for name, places in by_name.items():
        told = _told_apart([experiments[place][2] for place in places])
        made = [f"{name}{MARK}{text}" if text else name for text in told]
        for place, label in zip(places, made, strict=True):
            labels[place] = label if made.count(label) == 1 else f"{label} ({experiments[place][1][:6]})"
    return labels


def _told_apart(experiments: Sequence[Settings]) -> list[str]:
    """Return the settings of each experiment in which they differ, as few as tell them apart if there are many."""
    if len(experiments) == 1:
        return [""]
    differing = find_differing({str(k): settings for k, settings in enumerate(experiments)})
    for number in range(min(MOST_NAMED, len(differing.names)), len(differing.names) + 1):
        texts = [_joined(differing, str(k), number) for k in range(len(experiments))]
        if len(set(texts)) == len(texts):
            break
    else:
        texts = [_joined(differing, str(k), MOST_NAMED) for k in range(len(experiments))]
    return texts


def _joined(differing: Differing, label: str, number: int) -> str:
    own = differing.values[label]
    parts = [f"{name} {own[name]}" for name in differing.names[:number] if name in own]
    more = len(differing.names) - number
    return ", ".join([*parts, f"{more} more"] if more > 0 and parts else parts)
