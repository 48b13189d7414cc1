"""What a client is told of a session that was opened for it."""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID, server_of
from homeserver.services.sessions import Opened


@frozen
class SessionReply:
    """The body that registration and login share.  Spec: client-server-api#post_matrixclientv3login"""

    user_id: UserID
    home_server: ServerName
    device_id: DeviceID | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in_ms: int | None = None
    well_known: JSONObject | None = None
    """Where the client finds this server from now on, as autodiscovery tells it; only a login tells so."""


def session_reply(opened: Opened) -> SessionReply:
    """The session as its client sees it."""
    tokens = opened.tokens
    return SessionReply(
        user_id=opened.user_id,
        home_server=server_of(opened.user_id),
        device_id=opened.device_id,
        access_token=None if tokens is None else tokens.access_token,
        refresh_token=None if tokens is None else tokens.refresh_token,
        expires_in_ms=None if tokens is None else tokens.expires_in_ms,
    )
