"""The administrators' API and what describes it."""

import re
from collections.abc import Iterator
from typing import Any, Literal
from unittest import TestCase

from attrs import frozen
from openapi_spec_validator import validate

from homeserver.core.pages import Page
from homeserver.http.admin.description import describe
from homeserver.http.admin.rows import AdminRow, admin
from homeserver.http.operation import bindings_of
from homeserver.http.rows import Authentication, Body, Row
from scripts.administration.endpoints import ENDPOINTS
from tests.administration import AdministrationCase
from tests.described import description


class DescriptionTests(TestCase):
    def test_it_is_openapi(self) -> None:
        """As a validator that nobody here wrote understands it."""
        validate(description())

    def test_every_operation_is_in_it(self) -> None:
        """With a schema of what it answers, of its body, and of each parameter."""
        rows = [binding.row for class_ in ENDPOINTS for binding, _ in bindings_of(class_)]
        self.assertGreater(len(rows), 30)
        for row in rows:
            with self.subTest(operation=row.id):
                described = description()["paths"][row.path][row.method.lower()]

                self.assertEqual(row.id, described["operationId"])
                self.assertEqual(row.body is Body.JSON, "requestBody" in described)
                self.assertEqual(
                    [*row.path_parameters, *(query.name for query in row.query)],
                    [parameter["name"] for parameter in described["parameters"]],
                )
                self.assertTrue(described["summary"].endswith("."))
                self.assertTrue(described["responses"]["200"]["content"]["application/json"]["schema"])

    def test_every_operation_is_for_administrators(self) -> None:
        """And has a command of its own."""
        rows = [binding.row for class_ in ENDPOINTS for binding, _ in bindings_of(class_)]
        commands = [row.command for row in rows if isinstance(row, AdminRow)]

        self.assertEqual({Authentication.SERVER_ADMIN}, {row.authentication for row in rows})
        self.assertEqual(len(commands), len(set(commands)))
        self.assertEqual(len(rows), len(commands))

    def test_what_cannot_be_described_is_found_at_once(self) -> None:
        """A class of endpoints that answers something unheard of."""

        class Strange:
            """Strange."""

            @admin("strange", "GET", "/strange")
            async def strange(self) -> complex:
                """Something."""
                return 1j

        with self.assertRaises(TypeError):
            describe([Strange], "1")

    def test_schemas(self) -> None:
        """Lists, choices, what may be left out, and what stands below an attribute."""
        found = _schema_of(Thing)

        self.assertEqual(["kind", "inner"], found["required"])
        self.assertEqual({"enum": ["a", "b"]}, found["properties"]["kind"])
        self.assertEqual("How much.", found["properties"]["count"]["description"])
        self.assertEqual({"$ref": "#/components/schemas/Inner"}, found["properties"]["inner"]["items"])


@frozen
class Inner:
    """What is inside."""

    name: str


@frozen
class Thing:
    """A thing."""

    kind: Literal["a", "b"]
    inner: list[Inner]
    count: int | None = None
    """How much."""


def _schema_of(class_: type) -> Any:
    class Things:
        """Things."""

        @admin("things", "GET", "/things")
        async def things(self) -> Page[Thing]:
            """All things."""
            return Page([], 0)

    described: Any = describe([Things], "1")
    return described["components"]["schemas"][class_.__name__]


class ServedTests(AdministrationCase):
    async def test_it_is_served(self) -> None:
        """To everybody: it tells nothing that the program does not."""
        response = await self.root.signed_in(None).get("/_folkmoot/admin/v1/openapi.json")

        self.assertEqual((200, description()), (response.status, response.json))

    async def test_only_administrators_are_let_in(self) -> None:
        """Others are refused by every operation before anything is looked at."""
        for class_ in ENDPOINTS:
            for binding, _ in bindings_of(class_):
                row = binding.row
                with self.subTest(operation=row.id):
                    path = row.path.replace("{userId}", "not a user").replace("{number}", "x")
                    refused = await self.alice.request(row.method, path, b"{")
                    strange = await self.alice.signed_in(None).request(row.method, path, b"{")

                    self.assertEqual((403, "M_FORBIDDEN"), (refused.status, refused.errcode))
                    self.assertEqual((401, "M_MISSING_TOKEN"), (strange.status, strange.errcode))

    async def test_nothing_that_comes_in_costs_a_500(self) -> None:
        """Odd parameters and bodies are refused, by every operation, as what they are."""
        for class_ in ENDPOINTS:
            for binding, _ in bindings_of(class_):
                row = binding.row
                for number, body in enumerate(_odd_bodies(row)):
                    for value in (_ODD_PARAMETERS[number % len(_ODD_PARAMETERS)], "@alice:localhost"):
                        path = re.sub(r"{\w+}", value, row.path)
                        query = {each.name: value for each in row.query}
                        response = await self.root.request(row.method, path, body, query=query)

                        self.assertLess(response.status, 500, (row.id, path, body))


_ODD_PARAMETERS[number % len(_ODD_PARAMETERS)]
                    path = re.sub(r"{\w+}", value, row.path)
                    query = {each.name: value for each in row.query}
                    response = await self.root.request(row.method, path, body, query=query)

                    self.assertLess(response.status, 500, (row.id, path, body))


_ODD_PARAMETERS = ("@alice:localhost", "%00", "%FF", "@x:elsewhere.org", "9" * 30, "%F0%9F%98%80", "..", "x" * 1_500)
_ODD_TEXTS = ("\0", "\ud800", "x" * 5_000, "")
_ODD_VALUES: tuple[Any, ...] = (*_ODD_TEXTS, 2**53 - 1, -(2**53) + 1, 1.5, True, None, [], {"a": ["\0"]})


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


_SOUND: dict[Any, Any] = {"string": "x", "boolean": True, "integer": 1, "object": {}}
