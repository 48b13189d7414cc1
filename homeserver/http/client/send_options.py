"""Query parameters by which proposals change what sending an event means."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.services.callers import Caller


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


def with_options(request: SendRequest, options: Iterable[SendOption], query: Parameters) -> SendRequest:
    """The request as all *options* change it.  Raises Malformed."""
    if query:
        for option in options:
            request = option.apply(request, query)
    return request
