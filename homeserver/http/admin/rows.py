"""
The rows of the administrators' API, and how endpoints are bound to them.

    @frozen
    class ReportEndpoints:
        \"""Reports.\"""

        reports: Reports

        @admin("listReports", "GET", "/reports", "reports list", query=PAGE)
        async def list_reports(self, from_: Token = None, limit: Limit = LIMIT_DEFAULT) -> Page[ShownReport]:
            \"""All reports, the newest first.\"""
            return await self.reports.page(PageRequest(from_, limit))

The first sentence of the docstring is what the description of the API and the command line tell of the operation.
What it takes is said by the row, its signature and the class of its body; what it answers by the annotation of what it
returns: an attrs class (with a string below each attribute that needs one), ``Page`` of one, ``Empty`` or
``JSONObject``.  Only administrators are let in.  What changes something is written down (``audit.py``).
"""

from collections.abc import Callable
from typing import Annotated, Final, TypeAlias, TypeVar

from attrs import frozen

from homeserver.core.malformed import Malformed
from homeserver.core.pages import LIMIT_MAX
from homeserver.http.operation import Endpoint, operation
from homeserver.http.parameters import parse_integer
from homeserver.http.rows import Authentication, Body, Query, Row

E = TypeVar("E", bound=Endpoint)

API: Final = "admin"
PREFIX: Final = "/_folkmoot/admin/v1"


@frozen
class AdminRow(Row):
    """One operation of the administrators' API."""

    command: str = ""
    """How the command line calls it after ``folkmoot admin``; empty: not at all."""


def admin(
    id_: str,
    method: str,
    path: str,
    command: str = "",
    *,
    query: tuple[Query, ...] = (),
    body: bool = False,
    authentication: Authentication = Authentication.SERVER_ADMIN,
) -> Callable[[E], E]:
    """Binds a coroutine method to an operation at *path* below the prefix; *body*: it takes JSON."""
    row = AdminRow(
        API,
        id_,
        method,
        PREFIX + path,
        authentication,
        query=query,
        body=Body.JSON if body else Body.NONE,
        command=command,
    )
    return operation(row)


def parse_limit(text: str) -> int:
    """How many items a page has at most.  Raises Malformed."""
    limit = parse_integer(text)
    if not isinstance(limit, int) or limit < 1:
        raise Malformed("A page has at least one item.", code="M_INVALID_PARAM")
    return min(limit, LIMIT_MAX)


Limit: TypeAlias = Annotated[int, parse_limit]
Token: TypeAlias = str | None

PAGE: Final = (
    Query("from", about="The next_token of the page before."),
    Query("limit", "integer", about=f"How many items the page has at most; never more than {LIMIT_MAX}."),
)
"""What every list takes."""
