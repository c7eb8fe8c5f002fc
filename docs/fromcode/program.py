"""The program: which services there are, and the syntax trees of its modules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, order=True)
class Service:
    """A deployable: the dashed name of its folder, and the package in it."""

    name: str

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")

    @property
    def folder(self) -> Path:
        return ROOT / "services" / self.name / self.package

    def module(self, name: str) -> ModuleType:
        return import_module(f"{self.package}.{name}")


@cache
def services() -> tuple[Service, ...]:
    """Every service of the repository."""
    return tuple(sorted(Service(file.parents[1].name) for file in ROOT.glob("services/*/*/settings.py")))


def trees(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Every module under *folder*, parsed."""
    for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        yield file, ast.parse(file.read_text(), str(file))
