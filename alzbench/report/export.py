"""Comparisons and outcomes of runs as CSV and JSON: the numbers of the terminal's tables, in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from alzbench.compare import Comparison, Effect, Group, Pair, Spread, SubjectScores, binomial_interval
from alzbench.compare.disagreements import disputed_subjects
from alzbench.compare.probabilities import ProbabilityScores

if TYPE_CHECKING:
    from alzbench.runner import Outcome  # takes as long to import as to compare hundreds of runs

SUBJECT_FIGURES = [field.name for field in fields(SubjectScores) if field.name not in ("subjects", "intervals")]


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return plain values: groups with their references and rows, and what their first experiments answered."""
    return {
        "groups": [
            {
                **asdict(group),
                "references": [
                    {**reference.model_dump(), "interval": binomial_interval(reference)}
                    for reference in group.references
                ],
                **_answered(group),
            }
            for group in comparison.groups
        ]
    }


def _answered(group: Group) -> dict[str, Any]:
    """Return what is known from the predictions of a group's first experiments."""
    return {
        "probabilities": {label: asdict(of) for label, of in group.likely.scores.items()},
        "without_predictions": group.likely.without,
        "disputed_subjects": [asdict(subject) for subject in disputed_subjects(group)],
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return what became of a run, with its scores, as plain values."""
    stored = None if outcome.path is None else outcome.run()
    return {
        "experiment": outcome.job.experiment.name,
        "seed": outcome.job.seed,
        "fold": outcome.job.fold,
        "state": outcome.state,
        "error": outcome.error,
        "path": str(stored.path) if stored else None,
        "leaks": stored.card.leaks if stored else None,
        "demo": stored.card.demo if stored else None,
        "sanity": stored.card.sanity if stored else None,
        "metrics": stored.metrics().to_json() if stored else None,
    }


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row a reference and a row an experiment, of all groups; what is not defined is empty."""
    rows = [row for group in comparison.groups for row in _rows(group)]
    return pd.DataFrame(rows)


def _rows(group: Group) -> list[dict[str, Any]]:
    about = {"protocol": group.protocol, "data": group.data, "demo": group.demo}
    rows: list[dict[str, Any]] = [
        {
            **about,
            "leaks": group.leaks,
            "experiment": r.name,
            "kind": "reference",
            "test_images": r.test_images,
            "accuracy": r.accuracy,
            **dict(zip(("accuracy_low", "accuracy_high"), binomial_interval(r), strict=True)),
        }
        for r in group.references
    ]
    pairs = {pair.other: pair for pair in group.pairs}
    names = _column_names(group.classes)
    for row in group.rows:
        figures = {"accuracy": row.accuracy, "balanced_accuracy": row.balanced_accuracy, "macro_f1": row.macro_f1}
        subjects = row.by_subject
        figures |= {f"subject_{name}": getattr(subjects, name) for name in SUBJECT_FIGURES} if subjects else {}
        ends = dict(row.intervals)
        ends |= {f"subject_{name}": i for name, i in subjects.intervals.items()} if subjects else {}
        figures |= {f"f1_{names[name]}": f1 for name, f1 in zip(group.classes, row.f1, strict=True)}
        ends = {f"f1_{names[key[3:]]}" if key.startswith("f1_") else key: i for key, i in ends.items()}
        rows.append(
            {
                **about,
                "leaks": row.leaks,
                "experiment": row.label,
                "kind": "sanity" if row.sanity else "experiment",
                "test_images": group.test_images,
                "seeds": len(row.seeds),
                "subjects": subjects.subjects if subjects else None,
                **{key: value for name, spread in figures.items() for key, value in _columns(name, spread).items()},
                **{f"{name}_{end}": getattr(i, end) for name, i in ends.items() for end in ("low", "high")},
                **_probability_columns(group.likely.scores.get(row.label), names),
                **_pair_columns(pairs.get(row.label)),
                **{f"minus {name}": value for name, value in row.difference.items()},
                "by": row.by,
                "unpaired": row.unpaired,
                "left_out": "; ".join(row.left_out),
                "unfinished": len(row.unfinished),
            }
        )
    return [*rows, *({**about, **_effect_columns(effect)} for effect in group.effects)]


def _column_names(classes: Sequence[str]) -> dict[str, str]:
    """Return the classes as columns name them: `A_low` is marked where A_low would be the lower end of class A's."""
    ends = {f"{name}_{end}" for name in classes for end in ("sd", "low", "high")}
    return {name: f"{name} (class)" if name in ends else name for name in classes}


def _probability_columns(scores: ProbabilityScores | None, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of how good the probabilities are; `names` are those of classes in columns."""
    if scores is None:
        return {}
    figures = {"calibration_error": scores.calibration_error, "mean_roc_auc": scores.mean_roc_auc}
    figures |= {f"roc_auc_{names[name]}": of for name, of in scores.roc_auc.items()}
    figures |= {f"average_precision_{names[name]}": of for name, of in scores.average_precision.items()}
    columns: dict[str, Any] = {}
    for name, of in figures.items():
        columns[name] = of.value if of else None
        if of and of.interval:
            columns |= {f"{name}_low": of.interval.low, f"{name}_high": of.interval.high}
    return columns


def _effect_columns(effect: Effect) -> dict[str, Any]:
    """Return the columns of what a factor's level changes."""
    columns: dict[str, Any] = {"experiment": f"{effect.factor}: {effect.level}", "kind": "effect"}
    columns["pairs"] = effect.pairs
    for name, found in (("accuracy", effect.accuracy), ("macro_f1", effect.macro_f1)):
        if found is not None:
            columns |= {
                f"change_{name}": found.value,
                f"change_{name}_low": found.low,
                f"change_{name}_high": found.high,
            }
    return columns


def _pair_columns(pair: Pair | None) -> dict[str, Any]:
    """Return the columns of the difference to the baseline."""
    if pair is None:
        return {}
    columns: dict[str, Any] = {"against": pair.baseline, "paired_seeds": len(pair.seeds)}
    for name, found in pair.differences.items():
        if found is not None:
            interval = found.interval
            columns |= {f"change_{name}": interval.value, f"change_{name}_low": interval.low}
            columns |= {f"change_{name}_high": interval.high, f"change_{name}_p": found.p}
    return columns | {
        "change_accuracy_p_holm": pair.p_holm,
        "mcnemar_p": pair.mcnemar,
        "verdict": pair.verdict,
        "subjects_needed": pair.subjects_needed,
        "seeds_needed": pair.seeds_needed,
    }


def _columns(name: str, spread: Spread | None) -> dict[str, float | None]:
    return {name: spread.mean if spread else None, f"{name}_sd": spread.sd if spread else None}
