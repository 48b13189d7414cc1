"""What a client is told of servers that do not answer."""

from homeserver.core.canonical import JSONObject
from homeserver.services.ports import PeerFault, PeerUnreachable


def failure_of(error: Exception) -> JSONObject:
    """How a server failed, as an entry of ``failures``."""
    if isinstance(error, PeerFault):
        return {"errcode": error.errcode or "M_UNKNOWN", "error": f"The server answered {error.status}."}
    if isinstance(error, PeerUnreachable):
        return {"errcode": "M_UNKNOWN", "error": f"The server cannot be reached: {error.reason}."}
    raise error
