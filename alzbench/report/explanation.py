"""The document of explained runs: first what the checks say about the maps, then the checks and the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alzbench import __version__
from alzbench.report.columns import COUNT, PROBABILITY
from alzbench.report.document import Cell, Column, Document, Form, Section, Table, make_table
from alzbench.report.examples import ExplainedRun, explained_runs
from alzbench.report.remarks import run_warnings
from alzbench.report.run import MOST_ERRORS
from alzbench.store import Run
from alzbench.store.explanation import Check, Estimate, Explanation, Verdict

RANDOMISATION = "randomisation"  # the check of whether a map depends on the model
UNCHECKED = "No check was made, so nothing shows what these maps are worth."
NO_FINDING = "A map shows what the score of the predicted class depends on. It is no medical finding."
_VALUE, _DIFFERENCE = Form(digits=3), Form(digits=3, signed=True)
_VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "unclear")


def explanation_document(runs: Sequence[tuple[Run, Explanation]]) -> Document:
    """Return the document of one or several explained runs.

    Its sections: what the maps are worth, the checks, the images that all runs explain, and each run.
    """
    explained = explained_runs(runs)
    alone = len(explained) == 1
    checks = [checks_table(explained[0])] if alone else [_checks_by_run(explained)]
    sections = (
        Section("What the maps are worth", failures(explained), notes=_other_results(explained)),
        Section("Checks", tables=tuple(table for table in checks if table.rows)),
        Section("The same images", notes=(NO_FINDING,)),
        *(_run_section(one, alone) for one in explained),
    )
    title = f"What {runs[0][0].name} looks at" if alone else f"What {len(explained)} runs look at"
    about = f"alzbench {__version__}; {', '.join(methods_of(explained).values())}"
    return Document(title, about, sections, _export(explained), {"runs": [_data(one) for one in explained]})


def methods_of(runs: Sequence[ExplainedRun]) -> dict[str, str]:
    """Return the methods of runs, name -> label, in their order."""
    return {method: label for run in runs for method, label in run.methods.items()}


def failures(runs: Sequence[ExplainedRun]) -> tuple[str, ...]:
    """Return a sentence for each check that maps fail, those that do not depend on the model first."""
    if not any(run.explanation.contents.checks for run in runs):
        return (UNCHECKED,)
    found = sorted(_by_check(runs).items(), key=lambda item: item[0][1] != RANDOMISATION)
    return tuple(_failure(method, of_check, len(runs)) for (method, _), of_check in found if _with(of_check, "failed"))


def checks_table(run: ExplainedRun, short: bool = False) -> Table:
    """Return a row for each check of each method; the short table has neither the differences nor the numbers."""
    columns = [
        Column("check", "check"), Column("value", "value", _VALUE), Column("baseline", "baseline", _VALUE),
        Column("difference", "difference", _DIFFERENCE), Column("verdict", "verdict"),
        Column("against", "baseline is"), Column("images", "images", COUNT), Column("subjects", "subjects", COUNT),
    ]  # fmt: skip
    kept = [column for column in columns if not short or column.key in ("check", "value", "baseline", "verdict")]
    records = [{"check": _name(run, check), **_values(check)} for check in run.explanation.contents.checks]
    note = "With 95 % intervals over subjects. Passed or failed: the interval of the difference does not contain 0."
    return make_table("Checks of the maps", kept, records, note, "checks")


def verdicts_table(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each method of each run, with the numbers of checks by verdict."""
    columns = [
        Column("run", "maps of"), Column("method", "method"), *(Column(v, v, COUNT) for v in _VERDICTS),
        Column("names", "failed checks"),
    ]  # fmt: skip
    records = []
    for run in runs:
        for method, label in run.methods.items():
            checks = [check for check in run.explanation.contents.checks if check.method == method]
            failed = ", ".join(check.label for check in checks if check.verdict == "failed")
            counts: dict[str, Any] = {v: sum(check.verdict == v for check in checks) for v in _VERDICTS}
            records.append({"run": run.name, "method": label, **counts, "names": failed or None})
    return make_table("Checks of the maps", columns, records, key="maps")


Found = Sequence[tuple[ExplainedRun, Check]]


def _by_check(runs: Sequence[ExplainedRun]) -> dict[tuple[str, str], list[tuple[ExplainedRun, Check]]]:
    """Return (label of the method, name of the check) -> the check in each run that has it."""
    found: dict[tuple[str, str], list[tuple[ExplainedRun, Check]]] = {}
    for method, label in methods_of(runs).items():
        for run in runs:
            for check in run.explanation.contents.checks:
                if check.method == method:
                    found.setdefault((label, check.name), []).append((run, check))
    return found


def _with(of_check: Found, verdict: Verdict) -> list[str]:
    return [run.name for run, check in of_check if check.verdict == verdict]


def _failure(method: str, of_check: Found, runs: int) -> str:
    """Return a failed check as a sentence: its own for one run, else the runs that fail it."""
    first, depends = of_check[0][1], of_check[0][1].name != RANDOMISATION
    if runs == 1:
        return f"{method}: {'' if depends else 'this map does not depend on the model. '}{_sentence(first.sentence)}"
    failed = _with(of_check, "failed")
    where = f"in {len(failed)} of {len(of_check)} runs ({', '.join(failed)})"
    if depends:
        return f"{method} fails the check “{first.label}” {where}."
    return f"{method}: the map does not depend on the model {where}, by the check “{first.label}”."


def _other_results(runs: Sequence[ExplainedRun]) -> tuple[str, ...]:
    """Return a sentence for each check that maps pass or that decides nothing."""
    notes = []
    for (method, _), of_check in _by_check(runs).items():
        label = of_check[0][1].label
        for verdict in ("passed", "unclear"):
            names = _with(of_check, verdict)
            if not names:
                continue
            if len(runs) == 1:
                notes.append(f"{method}, {verdict}: {_sentence(of_check[0][1].sentence)}")
            elif verdict == "passed":
                notes.append(f"{method} passes the check “{label}” in {len(names)} of {len(of_check)} runs.")
            else:
                notes.append(f"{method}: the check “{label}” is unclear in {len(names)} of {len(of_check)} runs.")
    return (*notes, NO_FINDING)


def _sentence(text: str) -> str:
    return f"{text.strip().rstrip('.')}."


def _checks_by_run(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each check of each method, with its value and verdict in each run."""
    columns = [Column("check", "check"), *(Column(f"run {k}", run.name) for k, run in enumerate(runs))]
    place = {run.name: k for k, run in enumerate(runs)}
    records = [
        {
            "check": f"{method}: {of_check[0][1].label}",
            **{f"run {place[run.name]}": f"{_VALUE.text(Cell(c.value.value))} {c.verdict}" for run, c in of_check},
        }
        for (method, _), of_check in _by_check(runs).items()
    ]
    note = "The value of the check, and its verdict; intervals and baselines are in the section of each run."
    return make_table("Checks by run", columns, records, note, "checks_by_run")


def _run_section(run: ExplainedRun, alone: bool) -> Section:
    tables = [] if alone else [checks_table(run)]
    tables += [_methods(run), _errors(run)]
    title = f"{run.run.card.protocol} protocol, seed {run.run.card.seed}" if alone else run.name
    return Section(title, run_warnings(run.run.card), tuple(table for table in tables if table.rows))


def _methods(run: ExplainedRun) -> Table:
    columns = [
        Column("label", "method"),
        Column("resolution", "resolution of the map"),
        Column("reference", "reference"),
    ]
    records = []
    for name, method in run.explanation.contents.methods.items():
        _, height, width = run.explanation.maps(name).shape
        record = {"label": method.label, "resolution": f"{height} x {width}", "reference": method.reference or None}
        records.append(record)
    return make_table(
        "Methods", columns, records, "A map is drawn over the slice by bilinear interpolation.", "methods"
    )


def _errors(run: ExplainedRun) -> Table:
    images = run.one_by_subject
    wrong = images[images["label"] != images["predicted"]].sort_values(["confidence", "image"], ascending=[False, True])
    columns = [
        Column("image", "image"), Column("subject", "subject"), Column("label", "true"),
        Column("predicted", "predicted"), Column("confidence", "probability", PROBABILITY),
    ]  # fmt: skip
    rows = wrong.head(MOST_ERRORS).assign(subject=lambda shown: shown["subject"].replace("", None))
    records = [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
    what = "subjects, each shown by one slice," if run.explanation.contents.subject else "images"
    note = f"{len(wrong):,} of the {len(images):,} explained {what} are misclassified; at most {MOST_ERRORS} are shown."
    return make_table("Explained errors, the most confident first", columns, records, note, "errors", terminal=False)


def _name(run: ExplainedRun, check: Check) -> str:
    return f"{run.methods.get(check.method, check.method)}: {check.label}"


def _values(check: Check) -> dict[str, Any]:
    return {
        "value": _cell(check.value), "baseline": _cell(check.baseline), "difference": _cell(check.difference),
        "verdict": check.verdict, "against": check.against, "images": check.images, "subjects": check.subjects,
    }  # fmt: skip


def _cell(estimate: Estimate | None) -> Cell:
    return Cell() if estimate is None else Cell(estimate.value, estimate.low, estimate.high)


def _export(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each check of each method of each run."""
    keys = ("run", "method", "name", "label", "value", "baseline", "difference", "verdict", "against", "images",
            "subjects", "sentence")  # fmt: skip
    records = [
        {"run": run.run.name, "method": check.method, "name": check.name, "label": check.label,
         "sentence": check.sentence, **_values(check)}
        for run in runs
        for check in run.explanation.contents.checks
    ]  # fmt: skip
    return make_table("", [Column(key, key) for key in keys], records)


def _data(run: ExplainedRun) -> Mapping[str, Any]:
    card = run.run.card
    return {
        "run": run.run.name, "path": run.run.path, "experiment": card.experiment, "protocol": card.protocol,
        "seed": card.seed, "fold": card.fold, "leaks": card.leaks, "demo": card.demo,
        **run.explanation.contents.model_dump(mode="json"), "images": run.explanation.images,
    }  # fmt: skip
