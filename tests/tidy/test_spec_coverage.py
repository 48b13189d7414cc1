"""What of the specification is served, and what is not yet: the two together are all of it."""

import importlib
import pkgutil
from types import ModuleType
from unittest import TestCase

import federation.http
import homeserver.http
from homeserver.http.rows import Row
from homeserver.http.spec import CLIENT, SERVER
from tests.tidy.sources import PROJECT

UNSERVED = PROJECT / "homeserver" / "http" / "unserved.txt"
EDGES = (homeserver.http, federation.http)
UNSERVED_MAX = 18
"""May only shrink."""


def served() -> list[Row]:
    """The rows of every endpoint class there is."""
    return [
        row
        for edge in _edges()
        for info in pkgutil.walk_packages(edge.__path__, f"{edge.__name__}.")
        for class_ in vars(importlib.import_module(info.name)).values()
        if isinstance(class_, type) and class_.__module__ == info.name
        for row in _rows_of(class_)
    ]


def unserved() -> dict[str, str]:
    """Operations that are not served yet, with the reason of each."""
    lines = [line for line in UNSERVED.read_text().splitlines() if line and not line.startswith("#")]
    return {name: reason.strip() for name, _, reason in (line.partition(":") for line in lines)}


class SpecCoverageTests(TestCase):
    def test_served_and_unserved_are_all_there_is(self) -> None:
        """Every operation of the specification is either served or listed as unserved, never both."""
        names = {row.name for row in served()} & {row.name for row in _all_rows()}
        missing = sorted({row.name for row in _all_rows()} - names - unserved().keys())
        both = sorted(names & unserved().keys())
        unknown = sorted(unserved().keys() - {row.name for row in _all_rows()})

        self.assertEqual([], missing, "serve these, or list them in unserved.txt with a reason")
        self.assertEqual([], both, "these are served: strike them from unserved.txt")
        self.assertEqual([], unknown, "the specification has no such operations")

    def test_the_list_only_shrinks(self) -> None:
        """What was served once stays served; UNSERVED_MAX is lowered with the list."""
        self.assertLessEqual(len(unserved()), UNSERVED_MAX)

    def test_every_gap_has_a_reason(self) -> None:
        """A line of the list says why."""
        self.assertEqual([], [name for name, reason in unserved().items() if not reason])

    def test_no_operation_is_served_twice(self) -> None:
        """One endpoint an operation."""
        names = [row.name for row in served()]

        self.assertEqual(sorted(set(names)), sorted(names))


def _all_rows() -> list[Row]:
    return [*CLIENT.values(), *SERVER.values()]


def _edges() -> list[ModuleType]:
    edges = list(EDGES)
    for name in ("e2ee.http", "media.http"):
        if (PROJECT / name.replace(".", "/") / "__init__.py").is_file():
            edges.append(importlib.import_module(name))
    return edges


def _rows_of(class_: type) -> list[Row]:
    bindings = [getattr(member, "operation", None) for member in vars(class_).values()]
    return [row for binding in bindings if binding is not None for row in binding.rows]
