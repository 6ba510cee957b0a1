"""Build of the wheel: it also holds the folder `experiments`, whose files are then found by name.

Everything else is in pyproject.toml, whose tables can name no files outside a package.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXPERIMENTS = sorted(str(file) for ending in ("yaml", "json") for file in Path("experiments").rglob(f"*.{ending}"))


class BuildWithExperiments(build_py):
    """Copies `experiments` into the built package. An editable installation uses the folder where it is."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if not self.editable_mode:
            for file in EXPERIMENTS:
                self.mkpath(str(self._built(file).parent))
                self.copy_file(file, str(self._built(file)))

    def get_source_files(self) -> list[str]:
        """Return the files of a source distribution."""
        return [*super().get_source_files(), *EXPERIMENTS]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return the files that are installed."""
        files = super().get_outputs(include_bytecode)
        return files if self.editable_mode else [*files, *(str(self._built(file)) for file in EXPERIMENTS)]

    def _built(self, file: str) -> Path:
        return Path(self.build_lib, "alzbench", file)


setup(cmdclass={"build_py": BuildWithExperiments})
