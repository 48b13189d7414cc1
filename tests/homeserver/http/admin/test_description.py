"""The administrators' API and what describes it."""

from typing import Any, Literal
from unittest import TestCase

from attrs import frozen
from openapi_spec_validator import validate

from homeserver.core.pages import Page
from homeserver.http.admin.description import describe
from homeserver.http.admin.rows import AdminRow, admin
from homeserver.http.operation import bindings_of
from homeserver.http.rows import Authentication, Body
from scripts.administration.endpoints import ENDPOINTS
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
