"""The project's own modules, as text and as syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import field, frozen

PROJECT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("homeserver", "federation", "e2ee", "media", "conf", "scripts")


@frozen
class Source:
    """One module."""

    path: Path
    name: str
    """With dots; a package is its ``__init__``."""
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]


@cache
def sources() -> tuple[Source, ...]:
    """Every module of the project, except its tests."""
    return tuple(
        _source(path) for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py")) if path.is_file()
    )


def imports_of(source: Source) -> Iterator[tuple[str, int]]:
    """Each module that *source* imports, with the line; those under ``TYPE_CHECKING`` and in functions, too."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # What is imported from a package may be a module of it.
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _source(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    return Source(path.relative_to(PROJECT), name, text, ast.parse(text, str(path)))
