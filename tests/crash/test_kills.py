"""A few rounds of what ``scripts/crash`` does fifty times."""

import os

import pytest

from scripts.endurance.kills import Ordeal
from scripts.endurance.laboratory import DATABASES, running_server
from scripts.postgresql import PostgreSQLMissing

pytestmark = pytest.mark.crash

KINDS = os.environ.get("FOLKMOOT_TEST_CRASH", "folkmoot").split(",")
ROUNDS = 4


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_acknowledged_is_lost(kind: str, database: str) -> None:
    """Killed under load, the server starts as it is and holds every write it had acknowledged, once."""
    try:
        with running_server(kind, database) as server:
            ordeal = Ordeal(server)
            ordeal.prepare()
            for number in range(ROUNDS):
                ordeal.round(number)
            ordeal.check_everything()

            assert ordeal.tally().promises > 0, "there was load"
    except PostgreSQLMissing as missing:
        pytest.skip(str(missing))
