"""Tests of scripts.endurance.served."""

import json
import random
from collections.abc import Iterator

import pytest

from homeserver.http.rows import Body
from homeserver.http.spec import CLIENT
from scripts.endurance.inventions import Inventor
from scripts.endurance.laboratory import running_server
from scripts.endurance.schemas import Operation
from scripts.endurance.served import PROPOSED_QUERY, described_operations, proposed_operations, with_proposals
from scripts.laboratory.homeservers import Homeserver


def test_every_proposal_is_there_at_each_of_its_paths() -> None:
    """Whatever an endpoint binds to that is not of the spec is known, with a schema where it takes JSON."""
    operations = proposed_operations()
    paths = [operation.row.path for operation in operations]

    assert {"msc4140", "msc4186", "msc4306", "msc4388", "folkmoot"} <= {operation.row.api for operation in operations}
    assert "/_matrix/client/v1/delayed_events" in paths
    assert "/_matrix/client/unstable/org.matrix.msc4140/delayed_events" in paths
    assert all((operation.row.body is Body.JSON) == (operation.schema is not None) for operation in operations)
    assert not [
        operation for operation in operations if operation.row.name in {f"client-server/{id_}" for id_ in CLIENT}
    ]


def test_bodies_are_made_of_every_schema() -> None:
    """The same from the same seed; those of sliding sync have lists and extensions in them."""
    for operation in proposed_operations():
        made = [[Inventor(random.Random(seed), {}).body(operation.schema) for seed in range(10)] for _ in range(2)]
        assert made[0] == made[1]
    [sliding] = [operation for operation in proposed_operations() if operation.row.id == "slidingSync"]
    bodies = [Inventor(random.Random(seed), {}).value(sliding.schema or {}) for seed in range(30)]
    assert any(body.get("lists") for body in bodies)
    assert any(body.get("extensions") for body in bodies)


def test_what_proposals_add_to_the_spec() -> None:
    """Its parameters come after those of the spec, of operations that there are."""
    for id_, more in PROPOSED_QUERY.items():
        operation = with_proposals(Operation(CLIENT[id_], None))
        assert operation.row.query == (*CLIENT[id_].query, *more)


@pytest.fixture
def administered() -> Iterator[Homeserver]:
    with running_server() as server:
        yield server


@pytest.mark.crash
def test_what_administrators_do_is_read_from_the_server(administered: Homeserver) -> None:
    """All that the description names, with whole schemas."""
    operations = described_operations(administered)

    assert {"showVersion", "createUser", "deleteRoom"} <= {operation.row.id for operation in operations}
    assert '"$ref"' not in json.dumps([operation.schema for operation in operations])
