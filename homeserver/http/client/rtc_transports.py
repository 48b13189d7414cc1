"""
Where calls are carried: MSC4143, with the LiveKit transport of MSC4195.

Spec: proposals/4143
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from attrs import Attribute, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.http.operation import operation
from homeserver.http.rows import Authentication, Row
from homeserver.services.callers import Caller
from homeserver.services.livekit.settings import LiveKitSettings

RTC_FOCI: Final = "org.matrix.msc4143.rtc_foci"
"""Where clients look in ``/.well-known/matrix/client`` that do not ask the endpoint."""
_TYPE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,254}\Z")
_PATH: Final = "/rtc/transports"


def _is_type(_: Any, attribute: "Attribute[str]", type_: str) -> None:
    if not _TYPE.match(type_):
        raise ValueError(f"{attribute.name} must begin with a small letter; digits, '_', '-' and '.' may follow")


def _is_url(_: Any, attribute: "Attribute[str | None]", url: str | None) -> None:
    if url is not None and not url.startswith(("https://", "http://")):
        raise ValueError(f"{attribute.name} must start with https:// or http://")


@frozen
class RTCTransportSettings:
    """One service that carries calls."""

    type: str = field(default="livekit", validator=_is_type)
    """What it is: livekit, for a LiveKit cluster."""
    livekit_service_url: str | None = field(default=None, validator=_is_url)
    """The URL of the service that gives users tokens for the LiveKit cluster."""

    def __attrs_post_init__(self) -> None:
        if self.type == "livekit" and self.livekit_service_url is None:
            raise ValueError("a livekit transport needs a livekit_service_url")


@frozen
class RTCSettings:
    """Calls of many: what carries them."""

    transports: tuple[RTCTransportSettings, ...] = ()
    """The services, the one that clients should use first."""
    livekit: LiveKitSettings | None = None
    """
    This server's own LiveKit cluster, to which it lets users in itself; clients should use it before the services.
    Unset: it has none.
    """

    def to_json(self) -> list[JSON]:
        """The transports as clients are told of them."""
        own: list[JSON] = [] if self.livekit is None else [{"type": "livekit", "url": self.livekit.url}]
        return own + self.services_to_json()

    def services_to_json(self) -> list[JSON]:
        """Those that clients find which do not ask servers for tokens."""
        return [_shown(transport) for transport in self.transports]


@frozen
class RTCTransportsReply:
    rtc_transports: Sequence[JSON]


@frozen
class RTCTransportEndpoints:
    """What carries calls."""

    settings: RTCSettings

    @operation(
        Row(
            "msc4143",
            "getRTCTransports",
            "GET",
            f"/_matrix/client/v1{_PATH}",
            Authentication.ACCESS_TOKEN,
            rate_limited=True,
            guests_may=True,
            twins=(f"/_matrix/client/unstable/org.matrix.msc4143{_PATH}",),
        )
    )
    async def transports(self, caller: Caller) -> RTCTransportsReply:
        """The same for every user; none where none are set."""
        return RTCTransportsReply(self.settings.to_json())


def _shown(transport: RTCTransportSettings) -> JSONObject:
    shown: JSONObject = {"type": transport.type}
    if transport.livekit_service_url is not None:
        shown["livekit_service_url"] = transport.livekit_service_url
    return shown
