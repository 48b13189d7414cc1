"""
The identifiers of the protocol, as types from parsing on.

Spec: appendices#common-identifier-format
"""

import re
from typing import NewType

from homeserver.core.malformed import Malformed

ServerName = NewType("ServerName", str)
UserID = NewType("UserID", str)
RoomID = NewType("RoomID", str)
RoomAlias = NewType("RoomAlias", str)
EventID = NewType("EventID", str)
DeviceID = NewType("DeviceID", str)

ID_BYTES_MAX = 255

_DNS_OR_IPV4 = r"[0-9A-Za-z.-]{1,255}"
_IPV6 = r"\[[0-9A-Fa-f:.]{2,45}\]"
_SERVER_NAME = re.compile(rf"(?:{_DNS_OR_IPV4}|{_IPV6})(?::[0-9]{{1,5}})?\Z")
_LOCALPART = re.compile(r"[a-z0-9._=/+-]+\Z")


def parse_server_name(text: object) -> ServerName:
    """A host name, IPv4 or bracketed IPv6 literal, with or without a port.  Spec: appendices#server-name"""
    if not isinstance(text, str) or len(text) > ID_BYTES_MAX or not _SERVER_NAME.match(text):
        raise Malformed(f"{text!r} is not a server name.", code="M_INVALID_PARAM")
    return ServerName(text)


def parse_user_id(text: object) -> UserID:
    """
    ``@localpart:server``.

    Historical localparts may hold anything but a colon or NUL, so only the frame is checked here; what *new* users may
    be called says ``check_localpart``.  Spec: appendices#user-identifiers
    """
    return UserID(_parse_framed(text, "@", "a user ID"))


def parse_room_alias(text: object) -> RoomAlias:
    """``#alias:server``.  Spec: appendices#room-aliases"""
    return RoomAlias(_parse_framed(text, "#", "a room alias"))


def parse_room_id(text: object) -> RoomID:
    """
    ``!opaque:server``, or since room version 12 ``!`` and the hash of the create event.

    Spec: appendices#room-ids
    """
    return RoomID(_parse_opaque(text, "!", "a room ID"))


def parse_event_id(text: object) -> EventID:
    """``$opaque:server``, or since room version 3 ``$`` and a hash.  Spec: appendices#event-ids"""
    return EventID(_parse_opaque(text, "$", "an event ID"))


def is_user_id(text: object) -> bool:
    """Whether ``parse_user_id`` takes *text*."""
    try:
        parse_user_id(text)
    except Malformed:
        return False
    return True


def check_localpart(text: str) -> None:
    """Raises Malformed unless *text* may be the localpart of a new user.  Spec: appendices#user-identifiers"""
    if not _LOCALPART.match(text):
        raise Malformed(
            "A user name holds only the letters a to z, digits, and the characters . _ = - / +",
            "username",
            "M_INVALID_USERNAME",
        )


def user_id_of(localpart: str, server: ServerName) -> UserID:
    """
    The user called *localpart* on *server*.

    Raises Malformed with ``M_INVALID_USERNAME`` when a new user may not be called so, or when the whole is too long.
    """
    check_localpart(localpart)
    whole = f"@{localpart}:{server}"
    if len(whole) > ID_BYTES_MAX:
        raise Malformed("This user name is too long.", "username", "M_INVALID_USERNAME")
    return UserID(whole)


def server_of(identifier: UserID | RoomAlias | RoomID | EventID) -> ServerName:
    """The part after the first colon; empty for the ids that are hashes."""
    return ServerName(identifier.partition(":")[2])


def localpart_of(identifier: UserID | RoomAlias) -> str:
    """The part between the sigil and the first colon."""
    return identifier[1:].partition(":")[0]


def fits_id(text: str, most: int = ID_BYTES_MAX) -> bool:
    """Whether *text* is short enough for an identifier: 255 bytes of UTF-8, or what else *most* says."""
    try:
        return len(text) <= most and (text.isascii() or len(text.encode()) <= most)
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form
        return False


def _parse_framed(text: object, sigil: str, what: str) -> str:
    whole = _parse_opaque(text, sigil, what)
    localpart, colon, server = whole[1:].partition(":")
    if not colon or (not localpart and sigil != "@") or not _SERVER_NAME.match(server):
        raise Malformed(f"{whole!r} is not {what}.", code="M_INVALID_PARAM")
    return whole


def _parse_opaque(text: object, sigil: str, what: str) -> str:
    if not isinstance(text, str) or len(text) < 2 or text[0] != sigil or "\0" in text:
        raise Malformed(f"{text!r} is not {what}.", code="M_INVALID_PARAM")
    if not fits_id(text):
        raise Malformed(f"This is longer than {what} may be: {ID_BYTES_MAX} bytes.", code="M_INVALID_PARAM")
    return text
