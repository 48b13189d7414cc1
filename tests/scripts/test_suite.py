"""Tests of scripts.suite."""

import pytest

from scripts.laboratory.tools import Unavailable
from scripts.suite import LeftOut, _wants_peers


@pytest.mark.parametrize("arguments", [[], ["tests"], ["tests/peers"], ["-x", "-k", "join"], ["tests/peers/test_x.py"]])
def test_peers_are_set_up_where_they_may_be_needed(arguments: list[str]) -> None:
    """No folder, one that holds the peers' tests, or one of these; arguments that are no folders do not count."""
    assert _wants_peers(arguments)


@pytest.mark.parametrize("argument", ["tests/tidy", "tests/homeserver/core", "tests/conftest.py::nothing"])
def test_peers_are_not_set_up_for_other_folders(argument: str) -> None:
    assert not _wants_peers([argument, "-x"])


def test_what_cannot_be_had_is_told_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A tool that is missing skips its tests loudly: by name, with the reason, in the last lines."""

    def missing() -> None:
        raise Unavailable("no such package")

    left_out = LeftOut()
    ready = left_out.attempt("Synapse", missing)
    capsys.readouterr()
    left_out.tell()

    assert not ready
    assert capsys.readouterr().out == "== SKIPPED for want of Synapse: no such package\n"
