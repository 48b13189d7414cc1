"""
An application service as its registration file describes it.

Spec: application-service-api#registration
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from homeserver.core.appservices.namespaces import (
    NAMESPACES_MAX,
    Namespace,
    Namespaces,
    holds,
    holds_exclusively,
)
from homeserver.core.identifiers import RoomAlias, RoomID, ServerName, UserID, parse_user_id, server_of
from homeserver.core.malformed import Malformed

EPHEMERAL: Final = "receive_ephemeral"
EPHEMERAL_BEFORE: Final = ("de.sorunome.msc2409.push_ephemeral", "push_ephemeral")
"""Under these names bridges asked for it before v1.13 of the spec."""
ENCRYPTION: Final = "org.matrix.msc3202"
DEVICE_MANAGEMENT: Final = "io.element.msc4190"
ID_LENGTH_MAX: Final = 255


@frozen
class Registration:
    """
    One application service.

    *sender*: the user who speaks where the service names nobody.  *url*: without a slash at the end; None: it is told
    nothing.
    """

    id: str
    url: str | None
    as_token: str = field(repr=False)
    hs_token: str = field(repr=False)
    sender: UserID
    namespaces: Namespaces = Namespaces()
    rate_limited: bool = True
    """Whether its users are; the sender never is."""
    protocols: tuple[str, ...] = ()
    receive_ephemeral: bool = False
    ephemeral_names: tuple[str, ...] = ("ephemeral",)
    """Under which names it expects ephemeral events."""
    encryption: bool = False
    """It asks for what end-to-end encryption needs; without, it gets that once its users have devices with keys."""
    manages_devices: bool = False
    """It says that it makes devices instead of logging in."""

    @property
    def server(self) -> ServerName:
        return server_of(self.sender)

    def owns(self, user_id: UserID) -> bool:
        """Whether the user is one of its own.  Only users of this server are."""
        if user_id == self.sender:
            return True
        return server_of(user_id) == self.server and holds(self.namespaces.users, user_id)

    def owns_exclusively(self, user_id: UserID) -> bool:
        """Whether nobody else may make, or be, the user."""
        if user_id == self.sender:
            return True
        return server_of(user_id) == self.server and holds_exclusively(self.namespaces.users, user_id)

    def holds_alias(self, alias: RoomAlias) -> bool:
        """Whether the alias is in its namespaces."""
        return holds(self.namespaces.aliases, alias)

    def holds_room(self, room_id: RoomID) -> bool:
        """Whether the room is in its namespaces."""
        return holds(self.namespaces.rooms, room_id)


def parse_registration(value: object, server: ServerName) -> Registration:
    """
    The application service that a file describes.  Raises Malformed, whose path is the key.

    Keys that mean nothing here are let be: bridges write their own into it.
    """
    if not isinstance(value, dict):
        raise Malformed("a registration is a mapping of keys to values")
    before = [name for name in EPHEMERAL_BEFORE if _boolean(value, name, False)]
    stable = _boolean(value, EPHEMERAL, False)
    names = [*(["ephemeral"] if stable else []), *(["de.sorunome.msc2409.ephemeral"] if before else [])]
    return Registration(
        id=_text(value, "id", ID_LENGTH_MAX),
        url=_url(value),
        as_token=_text(value, "as_token"),
        hs_token=_text(value, "hs_token"),
        sender=_sender(value, server),
        namespaces=_namespaces(value),
        rate_limited=_boolean(value, "rate_limited", True),
        protocols=_protocols(value),
        receive_ephemeral=stable or bool(before),
        ephemeral_names=tuple(names) or ("ephemeral",),
        encryption=_boolean(value, ENCRYPTION, False),
        manages_devices=_boolean(value, DEVICE_MANAGEMENT, False),
    )


def find_clash(registrations: Iterable[Registration]) -> tuple[Registration, Registration, str] | None:
    """Two that cannot be told apart, and by which key; None: there are none."""
    seen: dict[tuple[str, str], Registration] = {}
    for registration in registrations:
        keys = {
            "id": registration.id,
            "as_token": registration.as_token,
            "sender_localpart": registration.sender,
        }
        for key, value in keys.items():
            other = seen.setdefault((key, value), registration)
            if other is not registration:
                return other, registration, key
    return None


def _text(value: Mapping[Any, Any], key: str, length_max: int = 4_096) -> str:
    if key not in value:
        raise Malformed("this is required", key)
    text = value[key]
    if not isinstance(text, str) or not text:
        raise Malformed("this must be a text that is not empty", key)
    if len(text) > length_max or not text.isprintable():
        raise Malformed(f"this must be at most {length_max} characters that can be printed", key)
    return text


def _boolean(value: Mapping[Any, Any], key: str, default: bool) -> bool:
    found = value.get(key, default)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise Malformed("this must be true or false", key)
    return found


def _url(value: Mapping[Any, Any]) -> str | None:
    if "url" not in value:
        raise Malformed("this is required; null where nothing is to be sent to it", "url")
    # Bridges that only ask write an empty text.
    if not value["url"]:
        return None
    text = _text(value, "url").rstrip("/")
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not text.isascii() or " " in text or parts.query or parts.fragment:
        raise Malformed("this must be a URL that begins with http:// or https://, or null", "url")
    return text


def _sender(value: Mapping[Any, Any], server: ServerName) -> UserID:
    localpart = _text(value, "sender_localpart", ID_LENGTH_MAX)
    try:
        if ":" in localpart:
            raise Malformed("it holds a colon")
        return parse_user_id(f"@{localpart}:{server}")
    except Malformed as error:
        raise Malformed("this must be the part of a user ID between @ and :", "sender_localpart") from error


def _protocols(value: Mapping[Any, Any]) -> tuple[str, ...]:
    found = value.get("protocols")
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise Malformed("this must be a list of names", "protocols")
    return tuple(dict.fromkeys(found))


def _namespaces(value: Mapping[Any, Any]) -> Namespaces:
    found = value.get("namespaces")
    if not isinstance(found, dict):
        raise Malformed("this is required, as a mapping with users, aliases and rooms", "namespaces")
    return Namespaces(
        *(_namespace_list(found.get(kind), f"namespaces.{kind}") for kind in ("users", "aliases", "rooms"))
    )


def _namespace_list(value: object, path: str) -> tuple[Namespace, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > NAMESPACES_MAX:
        raise Malformed(f"this must be a list of at most {NAMESPACES_MAX}", path)
    return tuple(_namespace(each, f"{path}[{index}]") for index, each in enumerate(value))


def _namespace(value: object, path: str) -> Namespace:
    if not isinstance(value, dict):
        raise Malformed("this must be a mapping with regex and exclusive", path)
    regex = value.get("regex")
    if not isinstance(regex, str) or not regex:
        raise Malformed("this must be a regular expression", f"{path}.regex")
    if not isinstance(value.get("exclusive"), bool):
        raise Malformed("this must be true or false", f"{path}.exclusive")
    try:
        return Namespace(regex, value["exclusive"])
    except Malformed as error:
        raise Malformed(error.reason, f"{path}.regex") from error
