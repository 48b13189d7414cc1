"""Tests of scripts.endurance.schemas and of what is made up from them."""

import json
import random

import pytest

from homeserver.http.rows import Body
from scripts.endurance.inventions import Inventor
from scripts.endurance.schemas import SPEC, operations

pytestmark = pytest.mark.skipif(not SPEC.is_dir(), reason="there is no matrix-spec beside the project")


@pytest.mark.parametrize("api", ["client-server", "server-server"])
def test_every_body_has_a_schema(api: str) -> None:
    """What takes JSON is known by its schema, with every reference followed."""
    taking = [operation for operation in operations(api) if operation.row.body is Body.JSON]

    assert taking
    assert all(operation.schema is not None for operation in taking)
    assert '"$ref"' not in json.dumps([operation.schema for operation in taking])


def test_bodies_can_be_made_of_every_schema() -> None:
    """Sound and broken ones, the same again from the same seed."""
    for operation in operations("client-server"):
        bodies = [[Inventor(random.Random(seed), {}).body(operation.schema) for seed in range(10)] for _ in range(2)]
        assert bodies[0] == bodies[1]


def test_no_server_out_there_is_ever_named() -> None:
    """Examples of the spec keep their form and lose the hosts that they name."""
    inventor = Inventor(random.Random(1), {"server": ["127.0.0.1:8800"]})
    examples = {
        "@alice:matrix.org": "@alice:127.0.0.1:8800",
        "#room:example.com:8448": "#room:127.0.0.1:8800",
        "https://push-gateway.location.here/_matrix/push": "https://127.0.0.1:8800/_matrix/push",
        "id.example.org": "127.0.0.1:8800",
        "m.room.message": "m.room.message",
        "org.matrix.custom": "org.matrix.custom",
    }
    for example, tame in examples.items():
        schema = {"properties": {"x": {"example": example}}, "required": ["x"]}
        made = [inventor.value(schema)["x"] for _ in range(50)]

        assert tame in made
        assert tame == example or example not in made
