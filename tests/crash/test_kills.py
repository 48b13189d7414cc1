"""A few rounds of what ``scripts/crash`` does fifty times."""

import pytest

from scripts.endurance.kills import Ordeal
from scripts.endurance.laboratory import DATABASES, running_server
from scripts.postgresql import PostgreSQLMissing
from tests.crash.servers import chosen_servers

pytestmark = pytest.mark.crash

ROUNDS = 4


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("kind", chosen_servers())
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
