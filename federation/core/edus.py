"""
Ephemeral data units: what servers tell each other that is no event of a room.

A server speaks for its own users only: what it says of others is left out.

Spec: server-server-api#edus
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import (
    DeviceID,
    EventID,
    RoomID,
    ServerName,
    UserID,
    is_user_id,
    parse_event_id,
    parse_room_id,
    parse_user_id,
    server_of,
)
from homeserver.core.malformed import Malformed

TYPING: Final = "m.typing"
RECEIPT: Final = "m.receipt"
PRESENCE: Final = "m.presence"
DEVICE_LIST_UPDATE: Final = "m.device_list_update"
SIGNING_KEY_UPDATE: Final = "m.signing_key_update"
DIRECT_TO_DEVICE: Final = "m.direct_to_device"

READ: Final = "m.read"
PRESENCES: Final = frozenset({"offline", "unavailable", "online"})
MESSAGE_ID_MAX: Final = 255
"""NOTSPEC: 32 codepoints are the rule; peers in the field use longer ones."""


@frozen
class Typing:
    """A user starts or stops typing.  Spec: server-server-api#typing-notifications"""

    room_id: RoomID
    user_id: UserID
    typing: bool


@frozen
class Receipt:
    """A user has read up to an event; *thread_id*: ``main`` or the root's ID, None: of the room as a whole."""

    room_id: RoomID
    user_id: UserID
    event_id: EventID
    ts: int
    thread_id: str | None = None


@frozen
class Receipts:
    """Public read receipts.  Spec: server-server-api#receipts"""

    receipts: tuple[Receipt, ...]


@frozen
class UserPresence:
    """How present a user is."""

    user_id: UserID
    presence: str
    last_active_ago: int
    currently_active: bool = False
    status_msg: str | None = None


@frozen
class Presence:
    """Spec: server-server-api#presence"""

    push: tuple[UserPresence, ...]


@frozen
class DeviceListUpdate:
    """
    A device is new, changed or gone; *prev_ids* are the updates of the same user just before.

    Spec: server-server-api#device-management
    """

    user_id: UserID
    device_id: DeviceID
    stream_id: int
    prev_ids: tuple[int, ...] = ()
    deleted: bool = False
    display_name: str | None = None
    keys: JSONObject | None = None


@frozen
class SigningKeyUpdate:
    """A user's cross-signing keys changed.  Spec: server-server-api#end-to-end-encryption"""

    user_id: UserID
    master_key: JSONObject | None = None
    self_signing_key: JSONObject | None = None


@frozen
class DirectToDevice:
    """A message for devices, ``*`` being all of a user's.  Spec: server-server-api#send-to-device-messaging"""

    sender: UserID
    type: str
    message_id: str
    messages: Mapping[UserID, Mapping[str, JSONObject]]


@frozen
class UnknownEdu:
    """Of a type that this server does not know; ignored."""

    edu_type: str


Edu: TypeAlias = Typing | Receipts | Presence | DeviceListUpdate | SigningKeyUpdate | DirectToDevice | UnknownEdu


def parse_edu(edu: JSONObject, origin: ServerName) -> Edu:
    """What *origin* says in *edu*.  Raises Malformed, also when it speaks for a user of another server."""
    edu_type = _text(edu, "edu_type")
    parse = _PARSERS.get(edu_type)
    if parse is None:
        return UnknownEdu(edu_type)
    return parse(_object(edu, "content"), origin)


def typing_edu(typing: Typing) -> JSONObject:
    """The EDU that says so."""
    content: JSONObject = {"room_id": typing.room_id, "user_id": typing.user_id, "typing": typing.typing}
    return {"edu_type": TYPING, "content": content}


def receipts_edu(receipts: Iterable[Receipt]) -> JSONObject:
    """One EDU that says them all; of two for the same user and room the last."""
    content: JSONObject = {}
    for receipt in receipts:
        stamped: JSONObject = {"ts": receipt.ts}
        if receipt.thread_id is not None:
            stamped["thread_id"] = receipt.thread_id
        room = content.setdefault(receipt.room_id, {READ: {}})
        room[READ][receipt.user_id] = {"event_ids": [receipt.event_id], "data": stamped}  # type: ignore[index,call-overload]
    return {"edu_type": RECEIPT, "content": content}


def presence_edu(presence: Iterable[UserPresence]) -> JSONObject:
    """The EDU that says how present each user is."""
    push: list[JSON] = []
    for user in presence:
        said: JSONObject = {
            "user_id": user.user_id,
            "presence": user.presence,
            "last_active_ago": user.last_active_ago,
            "currently_active": user.currently_active,
        }
        if user.status_msg is not None:
            said["status_msg"] = user.status_msg
        push.append(said)
    return {"edu_type": PRESENCE, "content": {"push": push}}


def _parse_typing(content: JSONObject, origin: ServerName) -> Typing:
    typing = content.get("typing")
    if not isinstance(typing, bool):
        raise Malformed("This must be true or false.", "content.typing")
    return Typing(parse_room_id(content.get("room_id")), _own_user(content, "user_id", origin), typing)


def _parse_receipts(content: JSONObject, origin: ServerName) -> Receipts:
    return Receipts(tuple(_receipts(content, origin)))


def _receipts(content: JSONObject, origin: ServerName) -> Iterator[Receipt]:
    for room, by_type in _objects(content):
        room_id = parse_room_id(room)
        for user, receipt in _objects(_object(by_type, READ, {})):
            if not is_user_id(user) or server_of(UserID(user)) != origin:
                continue
            event_ids = receipt.get("event_ids")
            if not isinstance(event_ids, list) or not event_ids:
                raise Malformed("This must be an array with one event ID.", "event_ids")
            stamped = _object(receipt, "data", {})
            thread_id = stamped.get("thread_id")
            yield Receipt(
                room_id,
                UserID(user),
                parse_event_id(event_ids[0]),
                _integer(stamped, "ts", 0),
                thread_id if isinstance(thread_id, str) else None,
            )


def _parse_presence(content: JSONObject, origin: ServerName) -> Presence:
    push = content.get("push")
    if not isinstance(push, list):
        raise Malformed("This must be an array.", "content.push")
    return Presence(tuple(_presences(push, origin)))


def _presences(push: Iterable[JSON], origin: ServerName) -> Iterator[UserPresence]:
    for said in push:
        if not isinstance(said, dict):
            raise Malformed("Each entry must be an object.", "content.push")
        user_id = parse_user_id(said.get("user_id"))
        presence = _text(said, "presence")
        if presence not in PRESENCES:
            raise Malformed(f"There is no presence {presence!r}.", "content.push.presence")
        if server_of(user_id) == origin:
            status = said.get("status_msg")
            yield UserPresence(
                user_id,
                presence,
                max(0, _integer(said, "last_active_ago", 0)),
                said.get("currently_active") is True,
                status if isinstance(status, str) else None,
            )


def _parse_device_list_update(content: JSONObject, origin: ServerName) -> DeviceListUpdate:
    prev_ids = content.get("prev_id") or []
    if not isinstance(prev_ids, list) or not all(isinstance(item, int) for item in prev_ids):
        raise Malformed("This must be an array of integers.", "content.prev_id")
    name = content.get("device_display_name")
    keys = content.get("keys")
    return DeviceListUpdate(
        _own_user(content, "user_id", origin),
        DeviceID(_text(content, "device_id")),
        _integer(content, "stream_id"),
        tuple(prev_ids),  # type: ignore[arg-type]
        content.get("deleted") is True,
        name if isinstance(name, str) else None,
        keys if isinstance(keys, dict) else None,
    )


def _parse_signing_key_update(content: JSONObject, origin: ServerName) -> SigningKeyUpdate:
    master, self_signing = content.get("master_key"), content.get("self_signing_key")
    return SigningKeyUpdate(
        _own_user(content, "user_id", origin),
        master if isinstance(master, dict) else None,
        self_signing if isinstance(self_signing, dict) else None,
    )


def _parse_direct_to_device(content: JSONObject, origin: ServerName) -> DirectToDevice:
    message_id = _text(content, "message_id")
    if len(message_id) > MESSAGE_ID_MAX:
        raise Malformed("This is too long.", "content.message_id")
    messages = {
        parse_user_id(user): {device: _object(devices, device) for device in devices}
        for user, devices in _objects(_object(content, "messages"))
    }
    return DirectToDevice(_own_user(content, "sender", origin), _text(content, "type"), message_id, messages)


_PARSERS: Final[Mapping[str, Callable[[JSONObject, ServerName], Edu]]] = {
    TYPING: _parse_typing,
    RECEIPT: _parse_receipts,
    PRESENCE: _parse_presence,
    DEVICE_LIST_UPDATE: _parse_device_list_update,
    SIGNING_KEY_UPDATE: _parse_signing_key_update,
    DIRECT_TO_DEVICE: _parse_direct_to_device,
}


def _own_user(content: JSONObject, key: str, origin: ServerName) -> UserID:
    user_id = parse_user_id(content.get(key))
    if server_of(user_id) != origin:
        raise Malformed(f"{origin} cannot speak for {user_id}.", f"content.{key}", "M_FORBIDDEN")
    return user_id


def _text(container: JSONObject, key: str) -> str:
    value = container.get(key)
    if not isinstance(value, str):
        raise Malformed("This must be a string.", key)
    return value


def _integer(container: JSONObject, key: str, default: int | None = None) -> int:
    value = container.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed("This must be an integer.", key)
    return value


def _object(container: JSONObject, key: str, default: JSON = None) -> JSONObject:
    value = container.get(key, default)
    if not isinstance(value, dict):
        raise Malformed("This must be an object.", key)
    return value


def _objects(container: JSONObject) -> Iterator[tuple[str, JSONObject]]:
    for key in container:
        yield key, _object(container, key)
