"""What is kept for devices of the users of application services."""

from collections.abc import Iterable

from attrs import frozen
from sqlalchemy import Connection, bindparam, select

from e2ee.core.to_device import Message
from e2ee.store.schema import device_keys as k
from e2ee.store.schema import to_device as t
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.store.prepared import Prepared
from homeserver.store.schema.users import users

_HAS_DEVICES = Prepared(
    select(k.c.device_id)
    .select_from(users.join(k, k.c.user_id == users.c.user_id))
    .where(users.c.appservice_id == bindparam("appservice_id"))
    .limit(1)
)
_MESSAGES = Prepared(
    select(t.c.device_id, t.c.position, t.c.sender, t.c.type, t.c.content)
    .where(t.c.user_id == bindparam("who"), t.c.position > bindparam("after"), t.c.position <= bindparam("upto"))
    .order_by(t.c.position, t.c.device_id)
)


@frozen
class AddressedMessage:
    """A message that waits, and for whom."""

    user_id: UserID
    device_id: DeviceID
    position: Position
    message: Message


def has_devices(tx: Connection, appservice_id: str) -> bool:
    """Whether any user that the application service registered has a device with keys."""
    return _HAS_DEVICES.first(tx, appservice_id=appservice_id) is not None


def messages(tx: Connection, user_ids: Iterable[UserID], after: Position, upto: Position) -> list[AddressedMessage]:
    """What waits for the users' devices at positions in ``(after, upto]``, oldest first."""
    found = [
        AddressedMessage(user_id, device_id, Position(position), Message(UserID(sender), kind, content))
        for user_id in user_ids
        for device_id, position, sender, kind, content in _MESSAGES.all(tx, who=user_id, after=after, upto=upto)
    ]
    return sorted(found, key=lambda each: each.position)
