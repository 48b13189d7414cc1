"""
Rendezvous of two devices: MSC4388, by which MSC4108 logs in with a QR code.

Spec: proposals/4388
"""

from typing import Final

from attrs import frozen

from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Content, Empty, Status, encode
from homeserver.http.rows import Authentication, Body, Row
from homeserver.services.callers import Caller
from homeserver.services.refusals import Forbidden
from homeserver.services.rendezvous import Meetings

_API: Final = "msc4388"
_V1: Final = "/_matrix/client/v1/rendezvous"
_UNSTABLE: Final = "/_matrix/client/unstable/io.element.msc4388/rendezvous"
_ONE: Final = "/{rendezvousId}"
_MAYBE: Final = Authentication.OPTIONAL_ACCESS_TOKEN
_NONE: Final = Authentication.NONE
CONCURRENT_WRITE: Final = "M_CONCURRENT_WRITE"
UNSTABLE_CONCURRENT_WRITE: Final = "IO_ELEMENT_MSC4388_CONCURRENT_WRITE"
_NOT_KEPT: Final = ((b"Cache-Control", b"no-store"), (b"Pragma", b"no-cache"))


@frozen
class AvailableReply:
    create_available: bool


@frozen
class PayloadBody:
    data: str


@frozen
class CreatedReply:
    id: str
    sequence_token: str
    expires_in_ms: int


@frozen
class SendBody:
    sequence_token: str
    data: str


@frozen
class SentReply:
    sequence_token: str


@frozen
class PayloadReply:
    data: str
    sequence_token: str
    expires_in_ms: int


@frozen
class RendezvousEndpoints:
    """Meeting places: whoever knows the ID of one may look and speak there."""

    meetings: Meetings

    @operation(Row(_API, "discoverRendezvous", "GET", _V1, _MAYBE, rate_limited=True, twins=(_UNSTABLE,)))
    async def discover(self, caller: Caller | None) -> AvailableReply:
        """Whether the caller may open one."""
        return AvailableReply(self.meetings.may_create(caller))

    @operation(
        Row(_API, "createRendezvous", "POST", _V1, _MAYBE, body=Body.JSON, limited_as="login", twins=(_UNSTABLE,))
    )
    async def create(self, caller: Caller | None, body: PayloadBody) -> CreatedReply:
        """There is a new one.  Raises Forbidden, TooLarge, TooSoon."""
        meeting = await self.meetings.create(caller, body.data)
        return CreatedReply(meeting.at.rendezvous_id, meeting.at.sequence_token, meeting.expires_in_ms)

    @operation(Row(_API, "receiveRendezvousPayload", "GET", _V1 + _ONE, _NONE, rate_limited=True,
                   twins=(_UNSTABLE + _ONE,)))  # fmt: skip
    async def receive(self, rendezvous_id: str, incoming: Incoming) -> Content:
        """What was said last.  Raises NotFound, Forbidden."""
        # What strangers put here is for clients, never for a page that a browser shows.
        if incoming.header(b"sec-fetch-mode") == "navigate" or incoming.header(b"sec-fetch-dest") == "document":
            raise Forbidden("This is not to be looked at in a browser.")
        meeting = await self.meetings.one(rendezvous_id)
        body = encode(PayloadReply(meeting.at.payload, meeting.at.sequence_token, meeting.expires_in_ms))
        return Content("application/json", (body,), len(body), _NOT_KEPT)

    @operation(Row(_API, "sendRendezvousPayload", "PUT", _V1 + _ONE, _NONE, body=Body.JSON, rate_limited=True))
    async def send(self, rendezvous_id: str, body: SendBody) -> object:
        """It says something else now.  Raises NotFound, TooLarge."""
        return await self._send(rendezvous_id, body, CONCURRENT_WRITE)

    @operation(
        Row(_API, "sendRendezvousPayloadUnstable", "PUT", _UNSTABLE + _ONE, _NONE, body=Body.JSON, rate_limited=True)
    )
    async def send_unstable(self, rendezvous_id: str, body: SendBody) -> object:
        """The same, whose error has an unstable name too."""
        return await self._send(rendezvous_id, body, UNSTABLE_CONCURRENT_WRITE)

    @operation(Row(_API, "cancelRendezvous", "DELETE", _V1 + _ONE, _NONE, rate_limited=True,
                   twins=(_UNSTABLE + _ONE,)))  # fmt: skip
    async def cancel(self, rendezvous_id: str) -> Empty:
        """It is over.  Raises NotFound."""
        await self.meetings.end(rendezvous_id)
        return Empty()

    async def _send(self, rendezvous_id: str, body: SendBody, errcode: str) -> object:
        token = await self.meetings.say(rendezvous_id, body.sequence_token, body.data)
        if token is None:
            return Status(409, {"errcode": errcode, "error": "Something else was said meanwhile."})
        return SentReply(token)
