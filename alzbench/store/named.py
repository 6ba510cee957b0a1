"""Find stored runs by what a user calls them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from alzbench.errors import ExperimentError
from alzbench.store.run import Run

LATEST = "latest"
SHORTEST_HASH = 4
_LISTED = 8  # names in an error


def named_runs(name: str, runs: Sequence[Run]) -> list[Run]:
    """Return the runs that a name refers to, in their order; none if there are none.

    Args:
        name: An experiment, a run as `experiment/folder`, or its folder; or else `latest`, which is the newest complete
            run that is no sanity baseline and no trial; or else the beginning of one experiment's or one run's name, or
            of a run's hash.
        runs: Stored runs, oldest first.

    Raises:
        ExperimentError: Several names begin with it.
    """
    folder = Path(name).resolve()
    exact = [run for run in runs if name in (run.card.experiment, run.name) or folder == run.path.resolve()]
    if exact or not name:
        return exact
    if name == LATEST:
        return [run for run in runs if run.is_scored and not run.card.sanity][-1:]
    experiments = {run.card.experiment for run in runs if run.card.experiment.startswith(name)}
    if experiments:
        _require_one(name, "experiment", experiments)
        return [run for run in runs if run.card.experiment in experiments]
    is_hash = len(name) >= SHORTEST_HASH
    begun = [run for run in runs if run.name.startswith(name) or (is_hash and run.card.hash.startswith(name))]
    _require_one(name, "run", {run.name for run in begun})
    return begun


def _require_one(name: str, kind: str, found: Iterable[str]) -> None:
    listed = sorted(found)
    if len(listed) > 1:
        more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
        raise ExperimentError(
            f"{name} must be the beginning of one {kind}'s name; it is that of {', '.join(listed[:_LISTED])}{more}. "
            "Write more of the name."
        )
