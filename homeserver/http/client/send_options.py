"""Query parameters by which proposals change what sending an event means."""

from collections.abc import Mapping, Sequence
from typing import Protocol

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


@frozen
class Answered:
    """Nothing is sent now: this is what the client is told."""

    answer: object


class SendOption(Protocol):
    """One proposal's parameters."""

    async def apply(self, request: SendRequest, query: Mapping[str, Sequence[str]]) -> SendRequest | Answered:
        """The request as its query changes it.  Raises Malformed, Refusal."""
