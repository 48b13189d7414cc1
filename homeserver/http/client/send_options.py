"""What proposals add to requests that send events: query parameters, and members of bodies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.services.callers import Caller
from homeserver.services.companions import Beside


@frozen
class SendRequest:
    """
    What a client asks to be sent.

    *state_key*: None for what is no state.  *transaction_id*: None for state.  *fields*: what is beside the content.
    """

    caller: Caller
    room_id: RoomID
    type: str
    state_key: str | None
    content: JSONObject
    transaction_id: str | None = None
    fields: Mapping[str, JSON] = field(factory=dict)


Parameters: TypeAlias = Mapping[str, Sequence[str]]
"""Of a query."""


class SendOption(Protocol):
    """One proposal's parameters, which change what is sent."""

    def apply(self, request: SendRequest, query: Parameters) -> SendRequest:
        """The request as its query changes it.  Raises Malformed."""


class SendDetour(Protocol):
    """One proposal's parameters, with which nothing is sent now."""

    async def answer(self, request: SendRequest, query: Parameters) -> object | None:
        """What the client is told instead; None: the query does not ask for it.  Raises Malformed, Refusal."""


class RedactOption(Protocol):
    """One proposal's members of the body of a redaction."""

    async def besides(self, room_id: RoomID, event_id: EventID, body: JSONObject) -> Sequence[Beside]:
        """What is written with the redaction of the event.  Raises Malformed."""


class RemovalOption(Protocol):
    """One proposal's members of the body of a kick or ban."""

    def fields(self, body: JSONObject) -> Mapping[str, JSON]:
        """What of the body is in the member event too.  Raises Malformed."""


def with_options(request: SendRequest, options: Iterable[SendOption], query: Parameters) -> SendRequest:
    """The request as all *options* change it.  Raises Malformed."""
    if query:
        for option in options:
            request = option.apply(request, query)
    return request
