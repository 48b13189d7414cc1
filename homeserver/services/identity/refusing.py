"""What users are told when an identity server refuses."""

from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON
from homeserver.services.ports import PeerFault
from homeserver.services.refusals import IdentityRefusal, Refusal, Unreachable

_UNAUTHORIZED: Final = 401


def relayed(fault: PeerFault) -> Refusal:
    """As the identity server says it; the user chose the server, and it knows what was wrong."""
    if not 400 <= fault.status < 500 or not fault.errcode or not isinstance(fault.body, Mapping):
        return Unreachable(f"The identity server {fault.peer} does not answer as one.")
    body: dict[str, JSON] = {**fault.body}
    if fault.status == _UNAUTHORIZED:
        # NOTSPEC: it means its own token, and a client would take it for the token of this server and log out.
        return IdentityRefusal(status=403, body={**body, "errcode": "M_FORBIDDEN"})
    return IdentityRefusal(status=fault.status, body=body)
