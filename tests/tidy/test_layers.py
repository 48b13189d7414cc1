"""Who may import whom: packages, rooms, and libraries.  An import for the type checker alone is an import."""

from collections.abc import Iterator
from unittest import TestCase

from tests.tidy.sources import PACKAGES, Source, imports_of, sources

BELOW = {
    "homeserver": (),
    "federation": ("homeserver",),
    "e2ee": ("homeserver", "federation"),
    "media": ("homeserver", "federation"),
    "conf": ("homeserver", "federation", "e2ee", "media"),
    "scripts": ("homeserver", "federation", "e2ee", "media", "conf"),
}
ROOMS = {
    "core": ("core",),
    "store": ("core", "store"),
    "services": ("core", "store", "services"),
    "http": ("core", "services", "http"),
}
# The parts of Twisted that are neither a reactor nor a protocol.
CLOCKS = ("twisted.internet.defer", "twisted.internet.interfaces", "twisted.internet.error", "twisted.python.failure")
THREADS = ("twisted.internet.threads", "twisted.python.threadpool")
FORBIDDEN = {
    "core": (
        "twisted",
        "treq",
        "sqlalchemy",
        "alembic",
        "structlog",
        "logging",
        "random",
        "secrets",
        "time",
        "asyncio",
    ),
    "store": ("twisted", "treq", "nacl", "structlog", "random", "secrets", "asyncio"),
    "services": ("twisted.web", "treq", "sqlalchemy", "alembic", "sqlite3", "psycopg2", "asyncio"),
    "http": ("sqlalchemy", "alembic", "sqlite3", "psycopg2", "asyncio"),
}
EXCEPTIONS = {
    # Where database work meets the reactor: reads, the group commit, and what waits for PostgreSQL.
    "homeserver.store.database": (*CLOCKS, *THREADS),
    "homeserver.store.group_commit": (*CLOCKS, *THREADS, "twisted.logger"),
    "homeserver.store.connections": CLOCKS,
    "homeserver.store.readers": CLOCKS,
    "homeserver.store.fibers": (*CLOCKS, *THREADS),
    "homeserver.store.postgresql": THREADS,
}


class LayersTests(TestCase):
    def test_packages_import_only_what_is_below_them(self) -> None:
        """homeserver < federation < e2ee, media < conf < scripts; siblings do not meet."""
        wrong = [
            f"{source.path}:{line} imports {name}"
            for source, name, line in _own_imports()
            if name.partition(".")[0] not in (source.package, *BELOW[source.package])
        ]

        self.assertEqual([], wrong)

    def test_rooms_import_only_their_own_level_or_lower(self) -> None:
        """core < store < services < http, in every package; http never touches the store."""
        wrong = [
            f"{source.path}:{line} imports {name}"
            for source, name, line in _own_imports()
            if _room(source.name) is not None and _room(name) not in ROOMS[str(_room(source.name))]
        ]

        self.assertEqual([], wrong)

    def test_libraries_stay_in_the_rooms_that_may_use_them(self) -> None:
        """Rules know no reactor, SQL, clock, randomness or logging; services no HTTP and no SQL; the edge no SQL."""
        wrong = [
            f"{source.path}:{line} imports {name}"
            for source in sources()
            for name, line in imports_of(source)
            for forbidden in FORBIDDEN.get(_room(source.name) or "", ())
            if _is_within(name, forbidden)
            and not any(_is_within(name, allowed) for allowed in EXCEPTIONS.get(source.name, ()))
        ]

        self.assertEqual([], wrong)

    def test_no_modules_import_one_another_in_a_circle(self) -> None:
        """Acyclic means acyclic, imports for the type checker included."""
        names = {source.name for source in sources()}
        edges = {
            source.name: {module for name, _ in imports_of(source) if (module := _module(name, names)) is not None}
            for source in sources()
        }

        self.assertEqual([], list(_circles(edges)))

    def test_packages_are_only_docstrings(self) -> None:
        """An ``__init__`` says what the package is, and imports nothing."""
        wrong = [str(s.path) for s in sources() if s.path.name == "__init__.py" and len(s.tree.body) != 1]

        self.assertEqual([], wrong)


def _own_imports() -> Iterator[tuple[Source, str, int]]:
    for source in sources():
        for name, line in imports_of(source):
            if name.partition(".")[0] in (*PACKAGES, "tests"):
                yield source, name, line


def _room(name: str) -> str | None:
    """The room of a module; None for the packages without rooms, and for a package itself."""
    parts = name.split(".")
    # media/rtc/ is a room of its own kind: an edge like http.
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _module(name: str, names: set[str]) -> str | None:
    """The module that an import reaches: ``a.b.c`` is the name c of the module a.b, or the module itself."""
    return name if name in names else parent if (parent := name.rpartition(".")[0]) in names else None


def _circles(edges: dict[str, set[str]]) -> Iterator[str]:
    """One circle for each module from which one is reached first."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> Iterator[str]:
        if name in path:
            yield " -> ".join([*path[path.index(name) :], name])
        elif name not in done:
            for following in sorted(edges[name] - {name}):
                yield from walk(following, [*path, name])
            done.add(name)

    for name in sorted(edges):
        yield from walk(name, [])
