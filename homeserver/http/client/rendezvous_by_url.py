"""
Rendezvous of two devices in their older form, by which deployed clients log in with a QR code.

Spec: proposals/4108, as it was before it rested on proposals/4388
"""

import re
from typing import Final

from attrs import frozen
from twisted.web.http import datetimeToString

from homeserver.core.malformed import Malformed
from homeserver.http.incoming import Incoming, Upload
from homeserver.http.operation import operation
from homeserver.http.replies import Content, Header, encode
from homeserver.http.rows import Authentication, Body, Row
from homeserver.services.rendezvous_by_url import Place, Places

_API: Final = "msc4108"
PATH: Final = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous"
_ONE: Final = PATH + "/{rendezvousId}"
_NONE: Final = Authentication.NONE
_TEXT: Final = "text/plain"
# Proxies may weaken a tag; "in this proposal we only accept strong, single-valued ETag values".
_STRONG: Final = re.compile(r'"([\x21\x23-\x7e]*)"\Z')
_ANY_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_CONDITIONS: Final = ("If-Match", "If-None-Match")


@frozen
class CreatedReply:
    url: str


@frozen
class RendezvousByURLEndpoints:
    """Meeting places: whoever knows the URL of one may look and speak there.  *url*: of this server."""

    places: Places
    url: str

    @operation(Row(_API, "createRendezvousByURL", "POST", PATH, _NONE, body=Body.BYTES, limited_as="login"))
    async def create(self, incoming: Incoming, body: Upload) -> Content:
        """There is a new one.  Raises Malformed, TooLarge, TooSoon."""
        place = await self.places.create(_payload(incoming, body))
        return _told(place, 201, encode(CreatedReply(f"{self.url}{PATH}/{place.place_id}")))

    @operation(
        Row(_API, "receiveFromRendezvousByURL", "GET", _ONE, _NONE, rate_limited=True, request_headers=_CONDITIONS)
    )
    async def receive(self, rendezvous_id: str, incoming: Incoming) -> Content:
        """What was said last, unless that is what the client has.  Raises NotFound."""
        place = await self.places.one(rendezvous_id)
        seen = incoming.header(b"if-none-match")
        if seen is not None and (seen.strip() == "*" or place.tag in _ANY_TAG.findall(seen)):
            return Content(_TEXT, (), 0, _headers(place), 304)
        return Content(_TEXT, (place.payload,), len(place.payload), _headers(place))

    @operation(
        Row(_API, "sendToRendezvousByURL", "PUT", _ONE, _NONE, body=Body.BYTES, rate_limited=True,
            request_headers=_CONDITIONS)
    )  # fmt: skip
    async def send(self, rendezvous_id: str, incoming: Incoming, body: Upload) -> Content:
        """It says something else now.  Raises NotFound, Malformed, TooLarge."""
        payload = _payload(incoming, body)
        said, place = await self.places.say(rendezvous_id, _required_tag(incoming), payload)
        if said:
            return _told(place, 202, b"{}")
        # Under the unstable path a new code stands beside a known one.
        refusal = {"errcode": "M_UNKNOWN", "org.matrix.msc4108.errcode": "M_CONCURRENT_WRITE"}
        return _told(place, 412, encode({**refusal, "error": "Something else was said meanwhile."}))

    @operation(Row(_API, "endRendezvousByURL", "DELETE", _ONE, _NONE, rate_limited=True, request_headers=_CONDITIONS))
    async def end(self, rendezvous_id: str) -> Content:
        """It is over.  Raises NotFound."""
        await self.places.end(rendezvous_id)
        return Content(_TEXT, (), 0, (), 204)


def _payload(incoming: Incoming, body: Upload) -> bytes:
    """Raises Malformed."""
    with body.content as content:
        for name in (b"Content-Length", b"Content-Type"):
            if incoming.header(name.lower()) is None:
                raise Malformed("This header is required.", name.decode(), "M_MISSING_PARAM")
        if (body.type or "").partition(";")[0].strip().lower() != _TEXT:
            raise Malformed(f"This must be {_TEXT}.", "Content-Type", "M_INVALID_PARAM")
        return content.read()


def _required_tag(incoming: Incoming) -> str:
    """Raises Malformed."""
    text = incoming.header(b"if-match")
    if text is None:
        raise Malformed("This header is required.", "If-Match", "M_MISSING_PARAM")
    match = _STRONG.match(text.strip())
    if match is None:
        raise Malformed("This must be one strong ETag.", "If-Match", "M_INVALID_PARAM")
    return match[1]


def _told(place: Place, code: int, json: bytes) -> Content:
    return Content("application/json", (json,), len(json), _headers(place), code)


def _headers(place: Place) -> tuple[Header, ...]:
    return (
        (b"ETag", b'"%s"' % place.tag.encode()),
        (b"Expires", datetimeToString(place.expires_ms / 1000)),
        (b"Last-Modified", datetimeToString(place.modified_ms / 1000)),
        (b"Cache-Control", b"no-store"),
        (b"Pragma", b"no-cache"),
        (b"Access-Control-Expose-Headers", b"ETag"),
        # What strangers put here is text, whatever it looks like.
        (b"X-Content-Type-Options", b"nosniff"),
    )
