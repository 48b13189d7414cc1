"""
Requests to application services.

Spec: application-service-api#pushing-events, application-service-api#querying
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

import orjson
from attrs import define, frozen

from homeserver.core.appservices.registration import Registration
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomAlias, UserID
from homeserver.http.exchange import Dropped, Limits, OutboundRequest, OutboundResponse, encode_url
from homeserver.http.outbound import OutboundClient, fault_of, json_of
from homeserver.services.appservices.settings import AppserviceTrafficSettings
from homeserver.services.ports import PeerUnreachable

_APP: Final = "/_matrix/app/v1"
_UNSTABLE: Final = "/_matrix/app/unstable"
ANSWER_BYTES_MAX: Final = 1 << 20

# Statuses with which services answer who asks for a path that they do not have.
_UNKNOWN_PATH: Final = frozenset({404, 405, 500, 501})


@frozen
class _Paths:
    """Where a request goes, and where it went before the spec had versions; None: there was no such request."""

    path: str
    legacy: str | None


@define(eq=False)
class HTTPAppservices:
    """Implements ``ports.AppserviceRequests``.  *client*: one that reaches private addresses, where services are."""

    client: OutboundClient
    settings: AppserviceTrafficSettings

    async def send(self, to: Registration, transaction_id: str, body: bytes) -> None:
        """It has taken the transaction.  Raises PeerUnreachable, PeerFault."""
        tail = f"/transactions/{_quoted(transaction_id)}"
        response = await self._ask(to, "PUT", _Paths(_APP + tail, tail), body, self.settings.timeout_seconds)
        if not 200 <= response.status < 300:
            raise fault_of(to.id, response)

    async def ping(self, to: Registration, transaction_id: str | None) -> None:
        """It has answered a ping.  Raises PeerUnreachable, PeerFault."""
        body = orjson.dumps({} if transaction_id is None else {"transaction_id": transaction_id})
        response = await self._ask(to, "POST", _Paths(f"{_APP}/ping", None), body, self.settings.query_timeout_seconds)
        if not 200 <= response.status < 300:
            raise fault_of(to.id, response)

    async def has_user(self, to: Registration, user_id: UserID) -> bool:
        """Whether it has made the user.  Raises PeerUnreachable, PeerFault."""
        return await self._exists(to, f"/users/{_quoted(user_id)}")

    async def has_room(self, to: Registration, alias: RoomAlias) -> bool:
        """Whether it has made the room, and the alias.  Raises PeerUnreachable, PeerFault."""
        return await self._exists(to, f"/rooms/{_quoted(alias)}")

    async def third_party(self, to: Registration, path: Sequence[str], fields: Mapping[str, str]) -> JSON:
        """What it says of third-party networks.  Raises PeerUnreachable, PeerFault."""
        tail = "".join(f"/{_quoted(part)}" for part in ("thirdparty", *path))
        if fields:
            tail += f"?{urlencode(fields)}"
        response = await self._ask(to, "GET", _Paths(_APP + tail, _UNSTABLE + tail), None)
        return json_of(to.id, response)

    async def _exists(self, to: Registration, tail: str) -> bool:
        response = await self._ask(to, "GET", _Paths(_APP + tail, tail), None)
        if response.status == 404:
            return False
        if not 200 <= response.status < 300:
            raise fault_of(to.id, response)
        return True

    async def _ask(
        self, to: Registration, method: str, paths: _Paths, body: bytes | None, timeout_seconds: float | None = None
    ) -> OutboundResponse:
        """
        What the service answers; asked in the old way if it does not know the new.

        Spec: application-service-api#legacy-routes
        """
        limits = Limits(timeout_seconds or self.settings.query_timeout_seconds, ANSWER_BYTES_MAX)
        headers = {"authorization": f"Bearer {to.hs_token}"}
        if body is not None:
            headers["content-type"] = "application/json"
        response = await self._request(to, OutboundRequest(method, _url(to, paths.path), headers, body), limits)
        if paths.legacy is None or not _is_unknown_path(response):
            return response
        # Who knows the old paths alone may know the old way to authenticate alone.
        joint = "&" if "?" in paths.legacy else "?"
        url = _url(to, f"{paths.legacy}{joint}{urlencode({'access_token': to.hs_token})}")
        older = await self._request(to, OutboundRequest(method, url, headers, body), limits)
        return response if _is_unknown_path(older) else older

    async def _request(self, to: Registration, request: OutboundRequest, limits: Limits) -> OutboundResponse:
        """The answer, whatever its status.  Raises PeerUnreachable."""
        try:
            try:
                return await self.client.request(request, limits)
            except Dropped:
                # A connection that had been kept was closed there meanwhile; asking twice does no harm.
                return await self.client.request(request, limits)
        except PeerUnreachable as failure:
            # It names the whole URL, where a token may be, and ends in the log.
            raise type(failure)(to.id, failure.reason) from None


def _url(to: Registration, tail: str) -> bytes:
    return encode_url(f"{to.url}{tail}")


def _is_unknown_path(response: OutboundResponse) -> bool:
    return response.status in _UNKNOWN_PATH and fault_of("", response).errcode in ("", "M_UNRECOGNIZED")


def _quoted(text: str) -> str:
    return quote(text, safe="")
