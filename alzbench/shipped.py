"""The experiment files that come with the package, found by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

OWN = Path("experiments")  # the user's folder of experiment files, below the working folder
FOLDERS = {"experiment": "", "study": "studies", "sweep": "sweeps"}  # of each kind of file

_PACKAGE = Path(__file__).parent
# a wheel holds the folder of the repository; an editable installation leaves it where it is
SHIPPED = next((f for f in (_PACKAGE / OWN, _PACKAGE.parent / OWN) if (f / "base.yaml").is_file()), _PACKAGE / OWN)


def find_file(name: str | PurePath, first: str = "experiment") -> Path:
    """Return the file that a name means: `attention`, `heads` or `experiments/attention.yaml`.

    A file with this path comes first, then one of this name in the working folder, then one in its folder
    `experiments`, then one of the package.

    Args:
        name: The path of a file, or the name of one.
        first: The kind that is meant if files of several kinds have this name, see `FOLDERS`.

    Returns:
        The file; the name as a path if there is none.
    """
    path = Path(name)
    if path.is_file() or path.is_absolute() or not path.parts or ".." in path.parts:
        return path
    below = path.relative_to(OWN) if path.parts[0] == OWN.name and len(path.parts) > 1 else path
    spelled = below if below.suffix in (".yaml", ".yml") else below.with_name(f"{below.name}.yaml")
    kinds = sorted(FOLDERS, key=lambda kind: kind != first)
    places = [Path(), *(root / FOLDERS[kind] for root in (OWN, SHIPPED) for kind in kinds)]
    return next((file for place in places if (file := place / spelled).is_file()), path)


def find_base(name: str, folder: Path) -> Path:
    """Return the file that `extends` or `base` names: one relative to a folder, or else one of the package."""
    beside = folder / name
    return beside if beside.is_file() or not (found := _shipped_file(name)) else found


def base_name(file: Path) -> str | None:
    """Return the name by which any file extends one of the package; None for another file."""
    place = file.resolve()
    inside = place.is_relative_to(SHIPPED.resolve()) and not place.is_relative_to(Path.cwd())
    return (OWN / place.relative_to(SHIPPED.resolve())).as_posix() if inside else None


def shipped_names(*kinds: str) -> list[str]:
    """Return the names by which the package's files of some kinds are found."""
    return sorted({file.stem for kind in kinds for file in (SHIPPED / FOLDERS[kind]).glob("*.yaml")})


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the experiment, study and sweep files of a folder, each kind sorted."""
    for below in FOLDERS.values():
        yield from sorted((folder / below).glob("*.yaml"))


def _shipped_file(name: str) -> Path | None:
    parts = PurePath(name).parts
    if len(parts) < 2 or parts[0] != OWN.name or ".." in parts:
        return None
    file = SHIPPED.joinpath(*parts[1:])
    return file if file.is_file() else None
