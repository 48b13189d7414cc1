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
