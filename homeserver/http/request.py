"""
One HTTP request on its connection, and the site that makes them.

Beside what twisted.web does: a body is bounded while it arrives, forms are not parsed, nothing is looked up in a tree
of resources, and an answer that is whole goes out in one piece.
"""

import logging
from io import BytesIO
from time import monotonic
from typing import Any, BinaryIO, Protocol, cast

import structlog
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import HTTPFactory, Request
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import provider

from homeserver.http.channel import EdgeChannel
from homeserver.http.settings import HTTPSettings
from homeserver.services.callers import Caller
from homeserver.services.refusals import Refusal

log = structlog.get_logger(__name__)

UPLOAD_PREFIX = b"/_matrix/media/"
DRAIN_BYTES_MAX = 64 * 1024 * 1024
"""Of a body that is refused for its size: read and dropped so that the client hears why, up to here."""


class Serves(Protocol):
    """What answers requests."""

    def serve(self, request: "EdgeRequest") -> None:
        """Answers, now or later."""


@provider(INonQueuedRequestFactory)
class EdgeRequest(Request):
    """A request, with what the edge needs to know of it."""

    is_too_large = False
    is_long_poll = False
    refusal: Refusal | None = None
    """Why it was ended while it waited."""
    speaker: object = None
    """Whom it speaks for, once that is known: a Caller or a ServerName."""
    content: BinaryIO | None
    """The body; None before it arrives, and once an endpoint has taken it as a file."""
    started: float = 0.0
    """When it had arrived, on the monotonic clock."""
    _dropped_bytes = 0

    # As of every object, in place of twisted.web's own in Python.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def site(self) -> "EdgeSite":
        return cast(EdgeSite, self.channel.factory)

    @property
    def is_disconnected(self) -> bool:
        return bool(self._disconnected)

    @property
    def client_ip(self) -> str:
        """Of the other end, or of whom the proxy in front names."""
        if self.site.x_forwarded_for:
            values = self.requestHeaders.getRawHeaders(b"x-forwarded-for")
            if values:
                return values[-1].rpartition(b",")[2].strip().decode("ascii", "replace")
        return str(getattr(self.client, "host", ""))

    def gotLength(self, length: int | None) -> None:
        # The path is known by now, though twisted.web has no public name for it yet.
        path: bytes = getattr(self.channel, "_path", b"")
        settings = self.site.settings
        is_upload = path.startswith(UPLOAD_PREFIX)
        self._bytes_max = settings.upload_bytes_max if is_upload else settings.body_bytes_max
        if length is not None and length > self._bytes_max:
            self.is_too_large = True
            self.content = BytesIO()
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        assert self.content is not None, "the length comes before the body"
        if not self.is_too_large and self.content.tell() + len(data) > self._bytes_max:
            self.is_too_large = True
            self.content.seek(0)
            self.content.truncate()
        if not self.is_too_large:
            self.content.write(data)
            return
        self._dropped_bytes += len(data)
        if self._dropped_bytes > DRAIN_BYTES_MAX:
            self.loseConnection()

    @property
    def takes_whole(self) -> bool:
        """Whether ``answer_whole`` will do: the connection goes on, and the body is wanted."""
        return not self._disconnected and bool(self.channel.persistent) and self.method != b"HEAD"

    def answer_whole(self, code: int, head: bytes, body: bytes) -> None:
        """The request is answered.  *head*: all before the body, as it is sent."""
        self.code = code
        self.startedWriting = 1
        self.sentLength = len(body)
        cast(EdgeChannel, self.channel).send(head + body)
        self.finish()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.started = monotonic()
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        assert self.content is not None, "the length comes before the end of the body"
        self.content.seek(0)
        self.site.edge.serve(self)


class EdgeSite(HTTPFactory):
    """Speaks HTTP/1.1 on one listener."""

    protocol = EdgeChannel  # type: ignore[assignment]

    def __init__(
        self, edge: Serves, settings: HTTPSettings, reactor: IReactorTime, *, x_forwarded_for: bool = False
    ) -> None:
        super().__init__(timeout=settings.idle_seconds, reactor=reactor)
        self.edge = edge
        self.settings = settings
        self.x_forwarded_for = x_forwarded_for

    def buildProtocol(self, addr: Any) -> Any:
        channel: Any = super().buildProtocol(addr)
        channel.requestFactory = EdgeRequest
        return channel

    def startFactory(self) -> None:
        """Nothing: twisted.web would open a log of its own."""

    def stopFactory(self) -> None:
        """Nothing was started."""

    def log(self, request: Any) -> None:
        """One line an answer; without the query, which may hold a token."""
        if not log.is_enabled_for(logging.INFO):
            return
        speaker = request.speaker
        log.info(
            "answered",
            method=request.method.decode("ascii", "replace"),
            path=request.path.decode("ascii", "replace"),
            status=request.code,
            bytes=request.sentLength,
            ms=round((monotonic() - request.started) * 1000, 1),
            ip=request.client_ip,
            speaker=speaker.user_id if isinstance(speaker, Caller) else speaker,
        )
