"""A short form of what ``scripts/fuzz`` does at length."""

from collections.abc import Iterator

import pytest

from scripts.endurance.flood import MEBIBYTE, start_flood
from scripts.endurance.fuzz import fuzz_requests
from scripts.endurance.laboratory import running_server
from scripts.endurance.schemas import SpecMissing
from scripts.laboratory.homeservers import Homeserver
from tests.crash.servers import chosen_servers

pytestmark = pytest.mark.crash

SEED = 7
EACH = 3
MUTANTS = 600
GROWTH_BYTES_MAX = 24 * MEBIBYTE


@pytest.fixture(scope="module", params=chosen_servers())
def server(request: pytest.FixtureRequest) -> Iterator[Homeserver]:
    with running_server(request.param) as running:
        yield running


def test_no_request_is_the_servers_fault(server: Homeserver) -> None:
    """Every operation of the spec answers made-up requests with less than 500, and an error with its code."""
    try:
        findings = fuzz_requests(server, EACH, (), SEED)
    except SpecMissing as missing:
        pytest.skip(str(missing))

    assert findings.faults == []
    assert findings.served > 0


def test_no_mutated_event_is_taken(server: Homeserver) -> None:
    """Of events altered or unlawful none is seen, of the sound ones between them all are; memory stays flat."""
    flood = start_flood(server, SEED)
    try:
        flood.send(MUTANTS)

        assert flood.taken() == []
        assert flood.faults == []
        assert flood.memory_growth() < GROWTH_BYTES_MAX
    finally:
        flood.close()
