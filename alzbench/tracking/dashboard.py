"""A project's dashboard on W&B: a saved workspace, and a report with the comparison's own tables and text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from alzbench.compare import Comparison, Group, Reference
from alzbench.evaluation.metrics import ACCURACY
from alzbench.report.document import Document
from alzbench.report.markup import render_markdown
from alzbench.report.remarks import group_warnings
from alzbench.tracking import panels
from alzbench.tracking.client import as_tracking_error, silence

NAME = "alzbench"
TITLE = "alzbench comparison"
SHOWN = ("run", "sanity", "published")  # kinds of runs that have test scores


@dataclass(frozen=True)
class SearchedSweep:
    """A sweep whose trials are stored.

    Attributes:
        name: Name of the sweep, and of its trials' group.
        objectives: Their names in a trial's summary.
        fields: The fields that differ among its trials.
    """

    name: str
    objectives: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Content:
    """The content of a dashboard besides the runs, see `publish.read_content`.

    Attributes:
        comparison: Comparison of the stored runs, without demo runs.
        document: Its document.
        figures: Its figures with captions, by the names under which they are logged.
    """

    comparison: Comparison
    document: Document
    figures: Mapping[str, tuple[Any, str]]


@dataclass(frozen=True)
class Dashboard:
    """A workspace and a report of wandb-workspaces, to be saved."""

    workspace: ws.Workspace
    report: wr.Report


def build(
    content: Content,
    sweeps: Sequence[SearchedSweep],
    project: str,
    entity: str,
    *,
    located: bool,
) -> Dashboard:
    """Return the dashboard of a project.

    Args:
        content: Comparison, tables and figures.
        sweeps: Those with stored trials.
        project, entity: W&B project, and its user or team.
        located: Name the project in each set of runs of the report, which contacts the server. If False, the
            report's own project is used.
    """
    return Dashboard(
        _workspace(content, sweeps, project, entity),
        _report(content, sweeps, project, entity, located),
    )


def specification(dashboard: Dashboard) -> dict[str, Any]:
    """Return what would be saved, as plain values."""
    models = {"workspace": dashboard.workspace._to_model(), "report": dashboard.report._to_model()}
    return {name: json.loads(model.model_dump_json(by_alias=True, exclude_none=True)) for name, model in models.items()}


def save(dashboard: Dashboard, known: Mapping[str, Any]) -> dict[str, str]:
    """Save a dashboard, over the earlier one if its ids are known, and return the new ids and addresses.

    Raises:
        TrackingError: The server cannot be reached or refuses.
    """
    workspace, report = dashboard.workspace, dashboard.report
    with as_tracking_error():
        silence()
        workspace._internal_id = str(known.get("workspace_id", ""))
        workspace._internal_name = str(known.get("workspace_name", ""))
        report.id = str(known.get("report_id", ""))
        workspace.save()
        report.save()
        return {
            "workspace_id": workspace._internal_id,
            "workspace_name": workspace._internal_name,
            "workspace": workspace.url,
            "report_id": report.id,
            "report": report.url,
        }


def _workspace(content: Content, sweeps: Sequence[SearchedSweep], project: str, entity: str) -> ws.Workspace:
    groups, pictures = content.comparison.groups, list(content.figures)
    first = [("Comparison", panels.comparison(pictures))] if pictures else []
    sections = [
        *first,
        ("Scores", panels.scores(_published(groups))),
        ("Scores by class", panels.by_class(_classes(groups))),
        ("Training", panels.curves()),
        ("Confusion matrices", panels.pictures()),
        *((f"Sweep {s.name}", panels.sweep(s.objectives, s.fields)) for s in sweeps),
    ]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[ws.Section(name=name, panels=made, is_open=True) for name, made in sections],
        settings=ws.WorkspaceSettings(x_axis="epoch", max_runs=100),
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Config(panels.LABEL)],
            order=[ws.Ordering(ws.Summary("test/accuracy"), ascending=False)],
        ),
    )


def _report(content: Content, sweeps: Sequence[SearchedSweep], project: str, entity: str, located: bool) -> wr.Report:
    groups, pictures = content.comparison.groups, list(content.figures)
    where = {"entity": entity, "project": project} if located else {}

    def runset(name: str, filters: Sequence[Any]) -> wr.Runset:
        return wr.Runset(name=name, filters=ws.And(*filters), **where)

    blocks: list[Any] = [
        wr.P("Test scores with their uncertainty, for each experiment and protocol."),
        *(wr.P(f"{section.title}: {' '.join(section.answer)}") for section in content.document.sections),
        wr.TableOfContents(),
    ]
    if pictures:
        only = runset("comparison", [ws.Metric("JobType") == "comparison"])
        made = panels.laid_out(panels.comparison(pictures), across=1, height=14)
        blocks += [wr.H1("Comparison"), wr.PanelGrid(runsets=[only], panels=made, hide_run_sets=True)]
    blocks += [wr.MarkdownBlock(text=render_markdown(content.document))]
    for protocol in dict.fromkeys(group.protocol for group in groups):
        of_protocol = [group for group in groups if group.protocol == protocol]
        only = runset(protocol, [ws.Config("protocol_name") == protocol, ws.Metric("JobType").isin(list(SHOWN))])
        made = [
            *panels.scores(_published(of_protocol)), *panels.by_class(_classes(of_protocol)), *panels.curves(),
            *panels.pictures(),
        ]  # fmt: skip
        blocks += [
            wr.H1(f"Protocol {protocol}"),
            *map(wr.P, dict.fromkeys(text for group in of_protocol for text in group_warnings(group))),
        ]
        blocks += [wr.PanelGrid(runsets=[only], panels=panels.laid_out(made))]
    for sweep in sweeps:
        only = runset(sweep.name, [ws.Metric("Group") == sweep.name])
        made = panels.laid_out(panels.sweep(sweep.objectives, sweep.fields), across=1, height=10)
        blocks += [wr.H1(f"Sweep {sweep.name}"), wr.PanelGrid(runsets=[only], panels=made)]
    return wr.Report(project=project, entity=entity, title=TITLE, description="Written by `alzbench dashboard`.",
                     blocks=blocks, width="fluid")  # fmt: skip


def _classes(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group.classes))


def _references(groups: Sequence[Group]) -> list[Reference]:
    return list({reference.name: reference for group in groups for reference in group.references}.values())


def _published(groups: Sequence[Group]) -> str:
    return ", ".join(f"{ACCURACY.text(reference.accuracy)} ({reference.name})" for reference in _references(groups))
