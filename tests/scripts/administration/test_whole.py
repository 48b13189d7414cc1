"""The administrators' API of a whole server: all of it is there, for administrators alone, and nothing breaks it."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from conf.reading import parse_settings
from homeserver.core.identifiers import UserID
from homeserver.http.admin.description import DescriptionEndpoints, describe
from homeserver.http.operation import bindings_of
from homeserver.http.request import EdgeSite
from homeserver.http.rows import Row
from homeserver.store import users
from scripts.administration.endpoints import ENDPOINTS
from scripts.serve import Server, start
from tests.client import Client
from tests.described import description

QUICK = {"passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8}, "listeners": [{"port": 0}]}
ROWS = [binding.row for class_ in ENDPOINTS for binding, _ in bindings_of(class_)]


class WholeTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.enterContext(capture_logs())
        self.server: Server = await start(
            parse_settings({**QUICK, "rate_limits": {"enabled": False}}, Path(folder.name)), reactor
        )
        self.addCleanup(self.server.stop)
        self.stranger = Client(EdgeSite(self.server.edge, self.server.settings.http, reactor))
        self.root, self.alice = await self.register("root"), await self.register("alice")
        await self.server.database.write(users.set_admin, UserID("@root:localhost"), is_admin=True)

    async def register(self, name: str) -> Client:
        body = {"username": name, "password": "a good one", "auth": {"type": "m.login.dummy"}}
        opened = await self.stranger.post("/_matrix/client/v3/register", body)
        return self.stranger.signed_in(opened.json["access_token"])

    async def test_all_that_the_command_line_knows_is_served(self) -> None:
        """And nothing else; the description is there for everybody, as it tells nothing that the program does not."""
        served = await self.stranger.get("/_folkmoot/admin/v1/openapi.json")

        self.assertEqual(200, served.status)
        self.assertEqual(describe((*ENDPOINTS, DescriptionEndpoints), version("folkmoot")), served.json)

    async def test_only_administrators_are_let_in(self) -> None:
        """Others are refused by every operation before anything is looked at."""
        self.assertGreater(len(ROWS), 30)
        for row in ROWS:
            with self.subTest(operation=row.id):
                path = re.sub(r"{\w+}", "nothing", row.path)
                refused = await self.alice.request(row.method, path, b"{")
                strange = await self.stranger.request(row.method, path, b"{")

                self.assertEqual((403, "M_FORBIDDEN"), (refused.status, refused.errcode))
                self.assertEqual((401, "M_MISSING_TOKEN"), (strange.status, strange.errcode))

    async def test_nothing_that_comes_in_costs_a_500(self) -> None:
        """Odd parameters and bodies are refused, by every operation, as what they are."""
        for row in ROWS:
            for number, body in enumerate(_odd_bodies(row)):
                for value in (_ODD_PARAMETERS[number % len(_ODD_PARAMETERS)], "@alice:localhost", "!room:localhost"):
                    path = re.sub(r"{\w+}", value, row.path)
                    query = {each.name: value for each in row.query}
                    response = await self.root.request(row.method, path, body, query=query)

                    self.assertLess(response.status, 500, (row.id, path, body))


_ODD_PARAMETERS = ("%00", "%FF", "@x:elsewhere.org", "9" * 30, "%F0%9F%98%80", "..", "x" * 1_500)
_ODD_TEXTS = ("\0", "\ud800", "x" * 5_000, "")
_ODD_VALUES: tuple[Any, ...] = (*_ODD_TEXTS, 2**53 - 1, -(2**53) + 1, 1.5, True, None, [], {"a": ["\0"]})
_SOUND: dict[Any, Any] = {"string": "x", "boolean": True, "integer": 1, "object": {}}


def _odd_bodies(row: Row) -> Iterator[Any]:
    """Bodies that are none, and bodies that are whole but for one odd value."""
    yield from (None, b"\xff", [], "x")
    described = description()["paths"][row.path][row.method.lower()]
    if "requestBody" not in described:
        yield from [None] * len(_ODD_PARAMETERS)
        return
    name = described["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = description()["components"]["schemas"][name]
    whole = {each: _SOUND.get(schema["properties"][each].get("type"), "email") for each in schema.get("required", ())}
    for each in schema["properties"]:
        yield from ({**whole, each: value} for value in _ODD_VALUES)
