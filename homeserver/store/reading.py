"""How far a local user has come in a room: all that counting what is unread starts from, read at once."""

from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection

from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.store import receipts, unread, windows
from homeserver.store.receipts import StoredReceipt
from homeserver.store.unread import StoredCount


@frozen
class ReadingState:
    """*joined_since*: None, the user is not joined.  *counts*: as far as any were put down."""

    joined_since: Position | None
    receipts: Sequence[StoredReceipt]
    counts: Sequence[StoredCount]


def of_user_in(tx: Connection, user_id: UserID, room_nid: int, upto: Position) -> ReadingState:
    """Where the user stands in the room, as it is after *upto*."""
    return ReadingState(
        windows.joined_since(tx, room_nid, user_id, upto),
        receipts.of_user_in(tx, user_id, (room_nid,)),
        unread.of_user_in(tx, user_id, (room_nid,)),
    )
