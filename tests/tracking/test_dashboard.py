"""The dashboard: printed, saved, and saved again over the earlier one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from alzbench.compare import load_references
from alzbench.evaluation.metrics import ACCURACY
from tests.helpers.command import Command, assert_sentence
from tests.helpers.runs import write_run
from tests.helpers.wandb_runs import Write, only_run
from tests.helpers.wandb_server import StandIn

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning"),  # in wandb-workspaces
]

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def stored() -> list[str]:
    """Runs of two experiments on as many images as the published result has; their names."""
    shares = {"first": 0.6, "second": 0.8}
    for name, accuracy in shares.items():
        for seed in (0, 1):
            write_run(Path("runs"), accuracy, classes=("A", HOSTILE), n=6400, experiment=name, seed=seed)
    return list(shares)


@pytest.fixture
def specification(alzbench: Command, stored: list[str]) -> dict[str, Any]:
    result = alzbench("dashboard", *stored, "--dry-run")
    assert result.code == 0, result.err
    printed: dict[str, Any] = json.loads(result.out)
    return printed


def metrics(spec: object) -> set[str]:
    """Return the metrics that the bar charts of a specification show."""
    if isinstance(spec, list):
        return set().union(*(metrics(part) for part in spec))
    if not isinstance(spec, dict):
        return set()
    own = set(spec["config"].get("metrics") or ()) if spec.get("viewType") == "Bar Chart" else set()
    return own | metrics(list(spec.values()))


def test_what_is_printed_keeps_to_the_schema_of_wandb_workspaces(specification: dict[str, Any]) -> None:
    from wandb_workspaces.reports.v2.internal import ReportViewspec
    from wandb_workspaces.workspaces.internal import View

    workspace, report = specification["workspace"], specification["report"]
    assert View.model_validate(workspace).spec.section.panel_bank_config.sections
    assert ReportViewspec.model_validate(report).spec.blocks
    names = [section["name"] for section in workspace["spec"]["section"]["panelBankConfig"]["sections"]]
    assert names[:5] == ["Comparison", "Scores", "Scores by class", "Training", "Confusion matrices"]
    shown = {
        "summary_metrics.test/accuracy",
        "summary_metrics.test/macro_f1",
        "summary_metrics.test/f1/A",
        f"summary_metrics.test/f1/{HOSTILE}",
    }
    for spec in (workspace, report):
        assert shown <= metrics(spec)
    text = json.dumps(report)
    assert "66.86 %" in text
    assert "second" in text  # the comparison's own table
    # the answer comes before the first chart
    assert 0 < text.index("Best F1: ") < text.index("Bar Chart")


def test_the_published_accuracy_has_the_form_of_its_metric(
    alzbench: Command, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alzbench.tracking.dashboard.ACCURACY", dataclasses.replace(ACCURACY, digits=3))
    (reference,) = load_references()
    assert f"published: 66.860 % ({reference.name})" in alzbench("dashboard", *stored, "--dry-run").out


@pytest.mark.usefixtures("stored")
def test_a_dry_run_sends_nothing(alzbench: Command, server: StandIn) -> None:
    assert alzbench("dashboard", "--dry-run").code == 0
    assert server.requests == []
    assert not Path("runs/wandb-dashboard").exists()


@pytest.mark.usefixtures("stored")
def test_it_is_saved_with_the_comparison_and_the_published_result_beside_the_runs(
    alzbench: Command, server: StandIn
) -> None:
    result = alzbench("dashboard")
    assert result.code == 0, result.err
    workspace, report = result.out.split()
    assert all(address.startswith(server.url) for address in (workspace, report))
    assert sorted(view["type"] for view in server.views.values()) == ["project-view", "runs"]
    by_title = {run.title: run for run in server.runs.values()}
    (reference,) = load_references()
    published = by_title.pop(f"published: {reference.name}")
    assert published.summary["test/accuracy"] == 0.6686
    assert published.summary["test/accuracy_low"] < 0.6686 < published.summary["test/accuracy_high"]
    assert published.values["protocol_name"] == "reference"
    (comparison,) = by_title.values()
    assert {"comparison/table"} < comparison.history[-1].keys()
    # again is an update
    assert alzbench("dashboard").out.split() == [workspace, report]
    assert len(server.views) == len(server.runs) == 2


@pytest.mark.usefixtures("stored")
def test_a_server_that_refuses_is_one_sentence(alzbench: Command, server: StandIn) -> None:
    server.fails = lambda _path, _body: 401
    result = alzbench("dashboard")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1


def test_nothing_to_compare_is_one_sentence(alzbench: Command) -> None:
    result = alzbench("dashboard", "--dry-run")
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)


def test_demo_runs_alone_make_no_dashboard(alzbench: Command, server: StandIn) -> None:
    write_run(Path("runs"), experiment="e", demo=True)
    for more in ([], ["--dry-run"]):
        assert_sentence(alzbench("dashboard", "e", *more), 1, "A dashboard shows no demo runs")
    assert server.requests == []


def test_nothing_is_shown_of_runs_that_are_not_to_be_sent(alzbench: Command, write: Write, server: StandIn) -> None:
    alzbench("run", write("disabled", name="secret"), "--no-sanity")
    result = alzbench("dashboard")
    assert (result.code, server.requests) == (1, [])
    assert "All stored runs have tracking.wandb: disabled" in result.err
    alzbench("run", write("auto", name="open"), "--no-sanity")
    shown = alzbench("dashboard", "--dry-run")
    assert shown.code == 0
    assert "secret" not in shown.out
    assert "secret" in alzbench("dashboard", "--dry-run", "secret", "open").out


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("content", ["{", "[1]", '{"someone/alzbench": 5}'])
def test_the_addresses_of_a_saved_dashboard_can_be_lost(alzbench: Command, write: Write, content: str) -> None:
    alzbench("run", write("auto"), "--no-sanity")
    file = Path("runs/wandb-dashboard/saved.json")
    file.parent.mkdir()
    file.write_text(content)
    assert alzbench("dashboard").code == 0
    assert json.loads(file.read_text())["someone/alzbench"]["report_id"]


@pytest.mark.parametrize("content", [b"\xff", b"a: ["])
def test_a_damaged_run_is_not_shown_in_a_dashboard(alzbench: Command, write: Write, content: bytes) -> None:
    alzbench("run", write("auto", name="e"), write("auto", name="damaged"), "--no-sanity")
    (only_run("damaged") / "experiment.yaml").write_bytes(content)
    result = alzbench("dashboard", "--dry-run")
    assert result.code == 0
    assert "damaged" not in result.out
