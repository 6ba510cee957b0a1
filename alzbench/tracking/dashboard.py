"""A project's dashboard on W&B: a saved workspace, and a report with the comparison's own tables and text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from alzbench import __version__
from alzbench.compare import Comparison, Group, Reference
from alzbench.report.document import comparison_sections
from alzbench.report.markup import render_markdown
from alzbench.report.remarks import leak_warning
from alzbench.tracking import panels
from alzbench.tracking.client import as_tracking_error, silence

NAME = "alzbench"
TITLE = "alzbench comparison"
SHOWN = ("run", "sanity", "published")  # kinds of runs that have test scores


@dataclass(frozen=True)
class SearchedSweep:
    """A sweep whose trials are stored.

    Attributes:
        name: Of the sweep, and of its trials' group.
        objective: Its name in a trial's summary.
        fields: The fields that differ among its trials.
    """

    name: str
    objective: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Dashboard:
    """What is saved: a workspace and a report of wandb-workspaces."""

    workspace: ws.Workspace
    report: wr.Report


def build(
    comparison: Comparison,
    sweeps: Sequence[SearchedSweep],
    pictures: Mapping[str, Any],
    project: str,
    entity: str,
    *,
    located: bool,
) -> Dashboard:
    """Return the dashboard of a project.

    Args:
        comparison: Of the stored runs; demo runs are left out.
        sweeps: Those with stored trials.
        pictures: The comparison's figures by the name under which they are logged.
        project, entity: Of W&B.
        located: Name the project in each set of runs of the report, which asks the server for it; without it, the
            report's own is meant.
    """
    groups = [group for group in comparison.groups if not group.demo]
    return Dashboard(
        _workspace(groups, sweeps, list(pictures), project, entity),
        _report(groups, sweeps, list(pictures), project, entity, located),
    )


def specification(dashboard: Dashboard) -> dict[str, Any]:
    """Return what would be saved, as plain values."""
    models = {"workspace": dashboard.workspace._to_model(), "report": dashboard.report._to_model()}
    return {name: json.loads(model.model_dump_json(by_alias=True, exclude_none=True)) for name, model in models.items()}


def save(dashboard: Dashboard, known: Mapping[str, Any]) -> dict[str, str]:
    """Save a dashboard, over the one of before where its ids are known, and return the new ids and addresses.

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


def _workspace(
    groups: Sequence[Group], sweeps: Sequence[SearchedSweep], pictures: Sequence[str], project: str, entity: str
) -> ws.Workspace:
    first = [("Comparison", panels.comparison(pictures))] if pictures else []
    sections = [
        *first,
        ("Scores", panels.scores(_published(groups))),
        ("F1 by class", panels.by_class(_classes(groups))),
        ("Training", panels.curves()),
        ("Confusion matrices", panels.pictures()),
        *((f"Sweep {s.name}", panels.sweep(s.objective, s.fields)) for s in sweeps),
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


def _report(
    groups: Sequence[Group],
    sweeps: Sequence[SearchedSweep],
    pictures: Sequence[str],
    project: str,
    entity: str,
    located: bool,
) -> wr.Report:
    where = {"entity": entity, "project": project} if located else {}

    def runset(name: str, filters: Sequence[Any]) -> wr.Runset:
        return wr.Runset(name=name, filters=ws.And(*filters), **where)

    blocks: list[Any] = [
        wr.P("How sure each figure is, and what is left of it on patients that the model has not seen."),
        wr.TableOfContents(),
    ]
    if pictures:
        only = runset("comparison", [ws.Metric("JobType") == "comparison"])
        made = panels.laid_out(panels.comparison(pictures), across=1, height=14)
        blocks += [wr.H1("Comparison"), wr.PanelGrid(runsets=[only], panels=made, hide_run_sets=True)]
    text = render_markdown("Tables", f"alzbench {__version__}", comparison_sections(Comparison(tuple(groups))))
    blocks += [wr.MarkdownBlock(text=text)]
    for protocol in dict.fromkeys(group.protocol for group in groups):
        of_protocol = [group for group in groups if group.protocol == protocol]
        only = runset(protocol, [ws.Config("protocol_name") == protocol, ws.Metric("JobType").isin(list(SHOWN))])
        made = [
            *panels.scores(_published(of_protocol)), *panels.by_class(_classes(of_protocol)), *panels.curves(),
            *panels.pictures(),
        ]  # fmt: skip
        blocks += [
            wr.H1(f"Protocol {protocol}"),
            *(wr.P(f"{leak_warning(group.leaks)}.") for group in _leaky(of_protocol)),
        ]
        blocks += [wr.PanelGrid(runsets=[only], panels=panels.laid_out(made))]
    for sweep in sweeps:
        only = runset(sweep.name, [ws.Metric("Group") == sweep.name])
        made = panels.laid_out(panels.sweep(sweep.objective, sweep.fields), across=1, height=10)
        blocks += [wr.H1(f"Sweep {sweep.name}"), wr.PanelGrid(runsets=[only], panels=made)]
    return wr.Report(project=project, entity=entity, title=TITLE, description="Made by `alzbench dashboard`.",
                     blocks=blocks, width="fluid")  # fmt: skip


def _leaky(groups: Sequence[Group]) -> list[Group]:
    return [group for group in groups if group.leaks][:1]


def _classes(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group.classes))


def _references(groups: Sequence[Group]) -> list[Reference]:
    return list({reference.name: reference for group in groups for reference in group.references}.values())


def _published(groups: Sequence[Group]) -> str:
    return ", ".join(f"{100 * reference.accuracy:.2f} % ({reference.name})" for reference in _references(groups))
