"""What a local user wants to send, before the room gives it a place."""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, EventID, UserID


@frozen
class Transaction:
    """The client's own name for a send: echoed to the device that used it, and never carried out twice."""

    device_id: DeviceID
    transaction_id: str


@frozen
class Draft:
    """
    An event without place, hashes or signature.

    *origin_server_ts*: None means now; application services may state another.
    """

    type: str
    sender: UserID
    content: JSONObject
    state_key: str | None = None
    redacts: EventID | None = None
    origin_server_ts: int | None = None
    transaction: Transaction | None = None
