"""
What a stage of user-interactive authentication is.

Spec: client-server-api#user-interactive-authentication-api
"""

from typing import Protocol

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.interactive_auth import Attempt, Flows
from homeserver.services.callers import RequestInfo


@frozen
class Request:
    """
    What wants to be authenticated.

    *purpose*: the operation, and what it is done to; a session is good for one purpose.  *user_id*: whose password
    counts; None: anybody's, who is then known by it.
    """

    purpose: str
    flows: Flows
    info: RequestInfo
    user_id: UserID | None = None

    @property
    def whole_purpose(self) -> str:
        return f"{self.purpose} {self.user_id or ''}"


class Stage(Protocol):
    """One way to prove something."""

    @property
    def name(self) -> str:
        """As the spec, or whoever else invented it, calls it."""

    def params(self) -> JSONObject | None:
        """What a client must know to take it; None: nothing."""

    async def prove(self, request: Request, attempt: Attempt) -> str:
        """What *attempt* proves, as the operation reads it.  Raises Forbidden when it proves nothing; Malformed."""
