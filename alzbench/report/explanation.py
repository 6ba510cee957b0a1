"""The document of explained runs: first what the checks say about the maps, then the checks and the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alzbench import __version__
from alzbench.report.columns import COUNT, PROBABILITY
from alzbench.report.document import Cell, Column, Document, Form, Section, Table, make_table
from alzbench.report.examples import ExplainedRun, explained_runs
from alzbench.report.map_answer import answer, checks_by_method, details, methods_of, names_of_checks
from alzbench.report.remarks import run_warnings
from alzbench.report.run import MOST_ERRORS
from alzbench.store import Run
from alzbench.store.explanation import Check, Estimate, Explanation, Verdict

_VALUE, _DIFFERENCE = Form(digits=3), Form(digits=3, signed=True)
_VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "unclear")


def explanation_document(runs: Sequence[tuple[Run, Explanation]]) -> Document:
    """Return the document of one or several explained runs.

    Its sections: what the maps are worth, the checks, the images that all runs explain, and each run.
    """
    explained = explained_runs(runs)
    alone = len(explained) == 1
    checks = [checks_table(explained[0])] if alone else [_passed_checks(explained), _checks_by_run(explained)]
    shown = tuple(table for table in checks if table.rows)
    sections = (
        Section("What the maps are worth", answer(explained), notes=details(explained)),
        Section("Checks", tables=shown, notes=() if shown else ("None was made.",)),
        Section("Images" if alone else "The same images"),
        *(_run_section(one, alone) for one in explained),
    )
    title = f"What {runs[0][0].name} looks at" if alone else f"What {len(explained)} runs look at"
    about = f"alzbench {__version__}; {', '.join(methods_of(explained).values())}"
    return Document(title, about, sections, _export(explained), {"runs": [_data(one) for one in explained]})


def checks_table(run: ExplainedRun, short: bool = False) -> Table:
    """Return a row for each check of each method; the short table has neither the differences nor the numbers."""
    columns = [
        Column("check", "check"), Column("verdict", "verdict"), Column("value", "value", _VALUE),
        Column("baseline", "baseline", _VALUE), Column("difference", "difference", _DIFFERENCE),
        Column("images", "images", COUNT), Column("subjects", "subjects", COUNT),
        Column("compared", "value and baseline"),
    ]  # fmt: skip
    kept = [column for column in columns if not short or column.key in ("check", "verdict", "value", "baseline")]
    names = names_of_checks([run])
    records = [
        {
            "check": f"{run.methods.get(check.method, check.method)}: {names[check.name, check.against]}",
            "compared": f"{check.label}, against {check.against}", **_values(check),
        }
        for check in run.explanation.contents.checks
    ]  # fmt: skip
    note = "With 95 % intervals over subjects. A check is unclear if its interval does not decide it."
    return make_table("Checks of the maps", kept, records, note, "checks")


def verdicts_table(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each method of each run, with the numbers of checks by verdict."""
    columns = [
        Column("run", "maps of"), Column("method", "method"), *(Column(v, v, COUNT) for v in _VERDICTS),
        Column("names", "failed checks"),
    ]  # fmt: skip
    records, names = [], names_of_checks(runs)
    for run in runs:
        for method, label in run.methods.items():
            checks = [check for check in run.explanation.contents.checks if check.method == method]
            failed = "; ".join(names[check.name, check.against] for check in checks if check.verdict == "failed")
            counts: dict[str, Any] = {v: sum(check.verdict == v for check in checks) for v in _VERDICTS}
            records.append({"run": run.name, "method": label, **counts, "names": failed or None})
    return make_table("Checks of the maps", columns, records, key="maps")


def _passed_checks(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each check, with the numbers of runs in which each method passes and fails it."""
    by_method = checks_by_method(runs)
    records = []
    for name in dict.fromkeys(name for by_check in by_method.values() for name in by_check):
        record = {"check": name}
        for method, by_check in by_method.items():
            verdicts = [check.verdict for _, check in by_check.get(name, ())]
            passed, failed = verdicts.count("passed"), verdicts.count("failed")
            if verdicts:
                record[f"method {method}"] = f"{passed} of {len(verdicts)}" + (f", {failed} failed" if failed else "")
        records.append(record)
    columns = [Column("check", "check"), *(Column(f"method {method}", method) for method in by_method)]
    note = "Runs in which the map passes the check. Where it neither passes nor fails, the check is unclear."
    return make_table("Runs that pass", columns, records, note, "passed_checks")


def _checks_by_run(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each check of each method, with its values and verdicts in each run."""
    columns = [Column("check", "check"), *(Column(f"run {k}", run.name) for k, run in enumerate(runs))]
    place = {id(run): f"run {k}" for k, run in enumerate(runs)}
    records = []
    for method, by_check in checks_by_method(runs).items():
        for name, found in by_check.items():
            texts: dict[str, list[str]] = {}
            for run, check in found:
                texts.setdefault(place[id(run)], []).append(f"{_VALUE.text(Cell(check.value.value))} {check.verdict}")
            records.append({"check": f"{method}: {name}", **{key: "; ".join(of_run) for key, of_run in texts.items()}})
    note = "Values and verdicts; intervals and baselines are in the section of each run."
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


def _values(check: Check) -> dict[str, Any]:
    return {
        "value": _cell(check.value), "baseline": _cell(check.baseline), "difference": _cell(check.difference),
        "verdict": check.verdict, "images": check.images, "subjects": check.subjects,
    }  # fmt: skip


def _cell(estimate: Estimate | None) -> Cell:
    return Cell() if estimate is None else Cell(estimate.value, estimate.low, estimate.high)


def _export(runs: Sequence[ExplainedRun]) -> Table:
    """Return a row for each check of each method of each run."""
    keys = ("run", "method", "name", "label", "value", "baseline", "difference", "verdict", "against", "images",
            "subjects", "sentence")  # fmt: skip
    records = [
        {"run": run.run.name, "method": check.method, "name": check.name,
         "label": check.label, "against": check.against, "sentence": check.sentence, **_values(check)}
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
