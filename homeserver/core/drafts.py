"""What a local user wants to send, before the room gives it a place."""

from collections.abc import Mapping

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, EventID, UserID


@frozen
class Transaction:
    """
    The client's own name for a send: echoed to the device that used it, and never carried out twice.

    *redacts*: the event that the path of the request says is to be redacted.
    """

    device_id: DeviceID
    transaction_id: str
    redacts: EventID | None = None


@frozen
class Draft:
    """
    An event without place, hashes or signature.

    *origin_server_ts*: None means now; application services may state another.  *fields*: what proposals put beside the
    content, at the top of the event.
    """

    type: str
    sender: UserID
    content: JSONObject
    state_key: str | None = None
    redacts: EventID | None = None
    origin_server_ts: int | None = None
    transaction: Transaction | None = None
    fields: Mapping[str, JSON] = field(factory=dict)
