"""
Credentials for TURN servers, by which calls find their way.

Spec: client-server-api#voice-over-ip
"""

from typing import Any

from attrs import Attribute, field, frozen, validators

from homeserver.core.canonical import JSONObject
from homeserver.core.turn import turn_credentials
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock


def _are_turn_uris(_: Any, attribute: "Attribute[Any]", uris: tuple[str, ...]) -> None:
    if not uris or not all(uri.startswith(("turn:", "turns:")) for uri in uris):
        raise ValueError(f"{attribute.name} must name URIs that begin with turn: or turns:")


@frozen
class TurnSettings:
    """The TURN servers that clients relay calls by, such as coturn with use-auth-secret."""

    uris: tuple[str, ...] = field(validator=_are_turn_uris)
    """Where they are, for instance turn:turn.example.org:3478?transport=udp."""
    shared_secret: str = field(validator=validators.min_len(1), repr=False)
    """The secret that they share with this server; coturn calls it static-auth-secret."""
    lifetime_seconds: int = field(default=86_400, validator=validators.ge(60))
    """How long the credentials that a client gets are good."""


@frozen
class TurnEndpoints:
    """*settings*: None: there are no TURN servers."""

    clock: Clock
    settings: TurnSettings | None = None

    @operation("getTurnServer")
    async def turn_server(self, caller: Caller) -> JSONObject:
        """Where the TURN servers are and how the caller is let in; empty where there are none."""
        if self.settings is None:
            # Clients take this for "none", and any error for one that may pass.
            return {}
        lifetime = self.settings.lifetime_seconds
        expires_seconds = int(self.clock.seconds()) + lifetime
        credentials = turn_credentials(caller.user_id, self.settings.shared_secret, expires_seconds)
        return {
            "username": credentials.username,
            "password": credentials.password,
            "uris": list(self.settings.uris),
            "ttl": lifetime,
        }
