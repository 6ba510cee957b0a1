"""Sentences on what the checks say about maps: first whether a map is shown to mark what a model looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alzbench.report.examples import ExplainedRun
from alzbench.store.explanation import Check, Verdict

RANDOMISATION, FAITHFULNESS, HEAD = "randomisation", "faithfulness", "head"  # names of checks
NEEDED = {RANDOMISATION, FAITHFULNESS}  # what a map must pass to mark what a model looks at
UNCHECKED = "No check was made, so nothing shows what these maps are worth."
NO_FINDING = "A map shows what the score of the predicted class depends on. It is no medical finding."

Found = Sequence[tuple[ExplainedRun, Check]]


def methods_of(runs: Sequence[ExplainedRun]) -> dict[str, str]:
    """Return the methods of runs, name -> label, in their order."""
    return {method: label for run in runs for method, label in run.methods.items()}


def answer(runs: Sequence[ExplainedRun]) -> tuple[str, ...]:
    """Return what must be known before a map is read, in sentences.

    First whether a map is shown to mark what the models look at, and then the maps that do not depend on the model.
    """
    if not any(run.explanation.contents.checks for run in runs):
        return (UNCHECKED,)
    by_method = checks_by_method(runs)
    independent, others = [], []
    for method, by_check in by_method.items():
        failed = {name: kept for name, found in by_check.items() if (kept := _with(found, "failed"))}
        dependence = {name: found for name, found in failed.items() if found[0][1].name == RANDOMISATION}
        rest = {name: found for name, found in failed.items() if name not in dependence}
        if len(runs) == 1:
            independent += [f"{method}: {text}" for text in _sentences(dependence)]
            others += [f"{method}: {' '.join(_sentences(rest))}"] if rest else []
            continue
        for name, found in dependence.items():
            where = f"in {len(found)} of {len(by_check[name])} runs ({'; '.join(run.name for run, _ in found)})"
            independent.append(f"{method}: the map does not depend on the model {where}.")
    if len(runs) > 1:
        less = _counted(by_method, HEAD, "failed")
        others += [f"Less of the map than of the area lies on the head: {less}."] if less else []
    return (_conclusion(runs, by_method), *independent, *others)


def details(runs: Sequence[ExplainedRun]) -> tuple[str, ...]:
    """Return what the maps pass, and for one run also what decides nothing, in sentences."""
    by_method = checks_by_method(runs)
    if len(runs) > 1:
        changes = _counted(by_method, RANDOMISATION, "passed", every=True)
        depends = _counted(by_method, FAITHFULNESS, "passed", every=True)
        against = " and of ".join(_baselines(by_method))
        notes = [f"Randomisation: the map changes if the weights are random ({changes})."] if changes else []
        claim = f"the prediction depends on the map's pixels more than on those of {against}"
        return (*notes, *([f"Faithfulness: {claim} ({depends})."] if depends else []), NO_FINDING)
    notes = []
    for method, by_check in by_method.items():
        for verdict in ("passed", "unclear"):
            some = {name: kept for name, found in by_check.items() if (kept := _with(found, verdict))}
            notes += [f"{method}, {verdict}: {' '.join(_sentences(some))}"] if some else []
    return (*notes, NO_FINDING)


def checks_by_method(runs: Sequence[ExplainedRun]) -> dict[str, dict[str, Found]]:
    """Return label of a method -> name of a check, see `check_names` -> the checks of all runs."""
    names = names_of_checks(runs)
    found: dict[str, dict[str, list[tuple[ExplainedRun, Check]]]] = {}
    for method, label in methods_of(runs).items():
        for run in runs:
            for check in run.explanation.contents.checks:
                if check.method == method:
                    found.setdefault(label, {}).setdefault(names[check.name, check.against], []).append((run, check))
    return {label: dict(by_check) for label, by_check in found.items()}


def check_names(runs: Iterable[Sequence[Check]]) -> dict[tuple[str, str], str]:
    """Return (name, against) -> the name for people, with what it is compared with only where that differs."""
    pairs = list(dict.fromkeys((check.name, check.against) for checks in runs for check in checks))
    often = [name for name, _ in pairs]
    return {
        (name, against): name.replace("_", " ") + (f", against {against}" if often.count(name) > 1 else "")
        for name, against in pairs
    }


def names_of_checks(runs: Sequence[ExplainedRun]) -> dict[tuple[str, str], str]:
    """Return (name, against) -> the name for people of the checks of some runs."""
    return check_names(run.explanation.contents.checks for run in runs)


def _conclusion(runs: Sequence[ExplainedRun], by_method: Mapping[str, Mapping[str, Found]]) -> str:
    """Return whether a map is shown to mark what the models look at: it passes all needed checks in all runs."""
    looks = "the model looks" if len(runs) == 1 else "the models look"
    passed = {method: _passed(by_check) for method, by_check in by_method.items()}
    shown = [method for method, (count, total) in passed.items() if count == total]
    parts = [f"{method} in {count} of {total} runs" for method, (count, total) in passed.items()]
    where, numbers = (" in all runs", f" ({', '.join(parts)})") if len(runs) > 1 else ("", "")
    if not shown:
        none = f"none passes both randomisation and faithfulness{where}{numbers}"
        return f"No map is shown to mark what {looks} at: {none}."
    is_shown, passes = ("is", "it passes") if len(shown) == 1 else ("are", "they pass")
    names = " and ".join(shown)
    return f"{names} {is_shown} shown to mark what {looks} at: {passes} randomisation and faithfulness{where}{numbers}."


def _passed(by_check: Mapping[str, Found]) -> tuple[int, int]:
    """Return the number of runs in which a method passes all needed checks, and that of the runs with its checks."""
    by_run: dict[int, list[Check]] = {}
    for found in by_check.values():
        for run, check in found:
            by_run.setdefault(id(run), []).append(check)
    needed = [[check for check in checks if check.name in NEEDED] for checks in by_run.values()]
    whole = [
        {check.name for check in checks} == NEEDED and all(check.verdict == "passed" for check in checks)
        for checks in needed
    ]
    return sum(whole), len(whole)


def _counted(by_method: Mapping[str, Mapping[str, Found]], name: str, verdict: Verdict, every: bool = False) -> str:
    """Return in how many runs each method has a verdict in all checks of a name; `every`: also those without one."""
    parts = []
    for method, by_check in by_method.items():
        by_run: dict[int, list[bool]] = {}
        for found in by_check.values():
            for run, check in found:
                if check.name == name:
                    by_run.setdefault(id(run), []).append(check.verdict == verdict)
        count = sum(map(all, by_run.values()))
        if by_run and (count or every):
            parts.append(f"{method} in {count} of {len(by_run)} runs")
    return ", ".join(parts)


def _baselines(by_method: Mapping[str, Mapping[str, Found]]) -> list[str]:
    checks = [check for by_check in by_method.values() for found in by_check.values() for _, check in found]
    return list(dict.fromkeys(check.against for check in checks if check.name == FAITHFULNESS))


def _with(found: Found, verdict: Verdict) -> Found:
    return [(run, check) for run, check in found if check.verdict == verdict]


def _sentences(by_check: Mapping[str, Found]) -> list[str]:
    return [f"{check.sentence.strip().rstrip('.')}." for found in by_check.values() for _, check in found]
