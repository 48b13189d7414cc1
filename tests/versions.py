"""Room versions as tests speak of them: ``since(7)``, ``until(5)``, ``between(7, 9)``."""

from tests.builders import VERSIONS


def since(first: int) -> list[str]:
    """The versions from *first* on."""
    return between(first, len(VERSIONS))


def until(last: int) -> list[str]:
    """The versions up to *last*, itself included."""
    return between(1, last)


def between(first: int, last: int) -> list[str]:
    """The versions from *first* to *last*, both included."""
    return [version for version in VERSIONS if first <= int(version) <= last]
