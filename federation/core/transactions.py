"""
Transactions: the envelope in which servers exchange PDUs and EDUs.

Spec: server-server-api#transactions
"""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID, ServerName, parse_server_name
from homeserver.core.log import Position
from homeserver.core.malformed import Malformed

PDUS_MAX: Final = 50
EDUS_MAX: Final = 100


@frozen
class Transaction:
    """
    What one server sends another in one request.

    *pdus* and *edus* are as they came, but for those that are no objects: each is parsed, and may be refused, alone.
    """

    origin: ServerName
    origin_server_ts: int
    pdus: tuple[JSONObject, ...]
    edus: tuple[JSONObject, ...]


@frozen
class PduPlace:
    """Where an event that is to be sent stands: its room, and the position in our log at which it was stored."""

    room_id: RoomID
    position: Position


@frozen
class OutgoingTransaction:
    """What one destination is being sent, the same at each attempt."""

    transaction_id: str
    made_ms: int
    pdus: tuple[PduPlace, ...] = ()
    edus: tuple[JSONObject, ...] = ()


def parse_transaction(body: JSONObject) -> Transaction:
    """The transaction in *body*.  Raises Malformed, also when it holds more than it may."""
    origin_server_ts = body.get("origin_server_ts")
    if not isinstance(origin_server_ts, int) or isinstance(origin_server_ts, bool):
        raise Malformed("This must be an integer.", "origin_server_ts")
    return Transaction(
        parse_server_name(body.get("origin")),
        origin_server_ts,
        _parse_objects(body.get("pdus"), "pdus", PDUS_MAX),
        _parse_objects(body.get("edus", []), "edus", EDUS_MAX),
    )


def _parse_objects(value: JSON, path: str, count_max: int) -> tuple[JSONObject, ...]:
    if not isinstance(value, list):
        raise Malformed("This must be an array.", path)
    if len(value) > count_max:
        raise Malformed(f"A transaction holds at most {count_max} {path}.", path)
    # What is no object is dropped like all that is malformed, and stops none of the others.
    return tuple(item for item in value if isinstance(item, dict))
