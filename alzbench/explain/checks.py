"""Checks of maps: each with a baseline, a 95 % interval over subjects, and a verdict in plain words.

The checks use images that were chosen without looking at predictions. Those that need many predictions use the first
`MOST_PERTURBED` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from alzbench.explain.faithfulness import SHARES, Perturbation, area, centre_maps, random_maps
from alzbench.explain.inputs import Inputs, Maps
from alzbench.explain.location import (
    changed_regions,
    fluid_masks,
    head_masks,
    hits,
    share_of_area,
    share_of_mass,
)
from alzbench.explain.randomisation import randomised_models
from alzbench.explain.results import Checked, Measured, make_check, more_than
from alzbench.explain.similarity import rank_correlations, unrelated
from alzbench.progress import Progress
from alzbench.registry import Entry, Registry
from alzbench.store.explanation import Check, Estimate, Verdict

MOST_PERTURBED = 48  # images of the checks that predict changed images or use changed models
KEPT = 0.5  # a rank correlation above it with random weights is a map that stays clearly the same

RunCheck = Callable[[Checked, Progress], Iterator["Check | None"]]

CHECKS = Registry("check of maps", Entry[RunCheck])


def run_checks(checked: Checked, progress: Progress) -> list[Check]:
    """Run all checks of the maps of a run; a check that does not apply, or has too few subjects, is left out."""
    found = [check for name in CHECKS for check in CHECKS[name].function(checked, progress) if check is not None]
    order = list(checked.maps)
    return sorted(found, key=lambda check: order.index(check.method))


@CHECKS.register("randomisation")
def randomisation(checked: Checked, progress: Progress) -> Iterator[Check | None]:
    """Similarity of the map to the one of the same model with random weights."""
    few = _first(checked, MOST_PERTURBED)
    partner = unrelated(few.subjects)
    steps: dict[str, dict[str, float]] = {name: {} for name in few.maps}
    last: dict[str, np.ndarray] = {}
    models = randomised_models(few.inputs.model)
    with progress.track("randomised models", 3 + _layers(few.inputs)) as advance:
        for step, model, same_prefix in models:
            inputs = few.inputs.with_model(model, same_prefix)
            for name, maps in few.maps.items():
                changed = few.compute(name, inputs)
                if changed is not None:
                    last[name] = rank_correlations(maps, changed)
                    steps[name][step] = float(last[name].mean())
            advance()
    for name, values in last.items():
        maps = few.maps[name]
        measured = Measured(values, rank_correlations(maps, maps[partner]), (-1.0, 1.0))
        yield make_check(
            "randomisation", name, "rank correlation with the map of random weights", "maps of unrelated images",
            measured, few.subjects, _depends_on_model, steps[name],
        )  # fmt: skip


def _depends_on_model(value: Estimate, baseline: Estimate, difference: Estimate) -> tuple[Verdict, str]:
    numbers = f"rank correlation {value.value:.2f}, unrelated images {baseline.value:.2f}"
    if value.low is not None and value.low > KEPT and more_than(difference) == "passed":
        return "failed", (
            f"This map does not depend on the model: with random weights it stays nearly the same ({numbers}). Do not "
            "read it as what the model looks at."
        )
    if value.high is not None and value.high < KEPT:
        return "passed", f"The map depends on the weights: with random ones it changes ({numbers})."
    return "unclear", f"It is not shown that the map depends on the weights ({numbers})."


@CHECKS.register("faithfulness")
def faithfulness(checked: Checked, progress: Progress) -> Iterator[Check | None]:
    """Area between the insertion and the deletion curve, against random maps and a centre map."""
    few = _first(checked, MOST_PERTURBED)
    n = len(few.inputs)
    baselines = {"random maps": random_maps(n), "a map of the centre": centre_maps(n, few.inputs.pixels.shape[1])}
    with progress.track("insertion and deletion", len(few.maps) + len(baselines)) as advance:
        perturbation = Perturbation(few.inputs)
        scores = {}
        for against, maps in baselines.items():
            scores[against] = perturbation.score(maps)
            advance()
        for name, maps in few.maps.items():
            deletion, insertion = perturbation.curves(maps)
            advance()
            steps = _curve_steps(deletion, insertion)
            for against, score in scores.items():
                claim = f"The prediction depends on its pixels {{}} than on those of {against}"
                measured = Measured(area(insertion) - area(deletion), score, (-1.0, 1.0))
                yield make_check(
                    "faithfulness", name, "area between insertion and deletion", against, measured, few.subjects,
                    _judge_more(claim, against), steps,
                )  # fmt: skip


def _curve_steps(deletion: np.ndarray, insertion: np.ndarray) -> dict[str, float]:
    shares = (0.0, *SHARES, 1.0)
    curves = {"deletion": deletion, "insertion": insertion}
    return {f"{k} {s:g}": float(v) for k, c in curves.items() for s, v in zip(shares, c.mean(axis=0), strict=True)}


@CHECKS.register("agreement")
def agreement(checked: Checked, progress: Progress) -> Iterator[Check | None]:
    """Similarity of the map to the one of another seed (repeatability) or variant (reproducibility)."""
    partner = unrelated(checked.subjects)
    for other in checked.others:
        check = {"seed": "repeatability", "variant": "reproducibility"}[other.kind]
        with progress.track(f"maps of {other.name}", len(checked.maps)) as advance:
            for name, maps in checked.maps.items():
                theirs = checked.compute(name, other.inputs)
                advance()
                if theirs is None or theirs.shape != maps.shape:
                    continue
                measured = Measured(
                    rank_correlations(maps, theirs), rank_correlations(maps, theirs[partner]), (-1.0, 1.0)
                )
                claim = f"The map of another {other.kind} is {{}} similar than maps of unrelated images"
                yield make_check(
                    check, name, f"rank correlation with the map of {other.name}", "maps of unrelated images", measured,
                    checked.subjects, _judge_more(claim, "unrelated"),
                )  # fmt: skip


@CHECKS.register("location")
def location(checked: Checked, progress: Progress) -> Iterator[Check | None]:
    """Share of the map inside the head, and of that on fluid, against the shares of the area."""
    del progress
    heads = head_masks(checked.inputs.pixels)
    fluids = fluid_masks(checked.inputs.pixels, heads)
    for name, maps in checked.maps.items():
        measured = Measured(share_of_mass(maps, heads), share_of_area(heads))
        yield make_check(
            "head", name, "share of the map inside the head", "share of the area", measured, checked.subjects,
            _judge_more("The map lies on the head {} than a uniform map", "uniform"),
        )  # fmt: skip
        measured = Measured(share_of_mass(maps, fluids, heads), share_of_area(fluids, heads))
        yield make_check(
            "fluid", name, "share of the map in the head that lies on ventricles and sulci",
            "their share of the head", measured, checked.subjects,
            _judge_more("The map lies on ventricles and sulci {} than a uniform map", "uniform"),
        )  # fmt: skip


@CHECKS.register("known_region")
def known_region(checked: Checked, progress: Progress) -> Iterator[Check | None]:
    """Pointing game and mass in the region that the stage changes, which is known on phantoms."""
    del progress
    if checked.source != "phantom":
        return
    regions = changed_regions(checked.images["image"].tolist(), checked.inputs.pixels.shape[1])
    if regions is None:
        return
    heads = head_masks(checked.inputs.pixels)
    chance = share_of_area(regions, heads)
    for name, maps in checked.maps.items():
        yield make_check(
            "pointing", name, "maps that are highest in the region that changes", "its share of the head",
            Measured(hits(maps, regions), chance), checked.subjects,
            _judge_more("The map points at what changes with the stage {} often than by chance", "chance"),
        )  # fmt: skip
        yield make_check(
            "known_region", name, "share of the map in the head that lies on the region that changes",
            "its share of the head", Measured(share_of_mass(maps, regions, heads), chance), checked.subjects,
            _judge_more("The map lies on what changes with the stage {} than a uniform map", "uniform"),
        )  # fmt: skip


def _judge_more(claim: str, baseline_name: str) -> Callable[[Estimate, Estimate, Estimate], tuple[Verdict, str]]:
    """Return a judge of a claim with a place for `more` or `less`."""

    def judge(value: Estimate, baseline: Estimate, difference: Estimate) -> tuple[Verdict, str]:
        verdict = more_than(difference)
        numbers = f"({value.value:.2f}, {baseline_name} {baseline.value:.2f})"
        if verdict == "unclear":
            return verdict, f"It is not shown that {claim[0].lower()}{claim[1:].format('more')} {numbers}."
        return verdict, f"{claim.format('more' if verdict == 'passed' else 'less')} {numbers}."

    return judge


def _first(checked: Checked, number: int) -> Checked:
    """Return the first images; for a model that classifies subjects, those of the first subjects."""
    n = len(checked.inputs)
    rows = np.arange(min(n, number))
    if checked.inputs.model.slices is not None:
        subjects = checked.subjects
        kept = {subjects[row] for row in rows[: max(1, len(rows))]}
        rows = np.array([row for row in range(n) if subjects[row] in kept])
    maps: dict[str, Maps] = {name: of_method[rows] for name, of_method in checked.maps.items()}
    images = checked.images.iloc[rows].reset_index(drop=True)
    return replace(checked, inputs=checked.inputs.take(rows), maps=maps, images=images, others=())


def _layers(inputs: Inputs) -> int:
    """Return the number of steps of a randomisation before the frozen blocks."""
    head = sum(bool(layer.weights) for layer in inputs.model.head.layers)
    return head + (inputs.model.suffix is not None)
