"""The pairs of servers and the directions in which a scenario is played on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from scripts.laboratory.client import MatrixClient, register
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.tools import Unavailable
from tests.peers.pairs import Pair, chosen_pairs, running_pair


@frozen
class Stage:
    """A pair in one direction: rooms are made at *home*; guests come from *away*."""

    pair: Pair
    home: Homeserver
    away: Homeserver
    name: str
    """Of this test alone: users are called after it."""

    def resident(self, name: str = "alice") -> MatrixClient:
        return register(self.home, f"{name}-{self.name}")

    def guest(self, name: str = "bob") -> MatrixClient:
        return register(self.away, f"{name}-{self.name}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where both servers are of one kind, the way back would show the same as the way there."""
    items[:] = [item for item in items if not _is_repetition(item)]


def _is_repetition(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    kinds = call.params.get("pair") if call else None
    return bool(call and kinds and kinds[0] == kinds[1] and call.params.get("stage") == "back")


@pytest.fixture(scope="session", params=chosen_pairs(), ids="-".join)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    left, right = request.param
    directory: Path = tmp_path_factory.mktemp(f"{left}-{right}")
    try:
        with running_pair((left, right), directory) as running:
            yield running
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["there", "back"])
def stage(request: pytest.FixtureRequest, pair: Pair) -> Iterator[Stage]:
    """One direction of the pair."""
    home, away = (pair.left, pair.right) if request.param == "there" else (pair.right, pair.left)
    serials = request.config.stash.setdefault(_SERIALS, [0])
    serials[0] += 1
    yield Stage(pair, home, away, f"{serials[0]}")
    pair.heal()


_SERIALS = pytest.StashKey[list[int]]()
