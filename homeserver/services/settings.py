"""Settings of rooms and mail that belong to no single service."""

from typing import Any

from attrs import Attribute, field, frozen, validators

from homeserver.core.versions import DEFAULT_ROOM_VERSION, ROOM_VERSIONS


def _is_room_version(_: Any, attribute: "Attribute[str]", version: str) -> None:
    if version not in ROOM_VERSIONS:
        raise ValueError(f"{attribute.name} must be one of {', '.join(ROOM_VERSIONS)}")


@frozen
class RoomSettings:
    """How rooms are made."""

    default_version: str = field(default=DEFAULT_ROOM_VERSION.id, validator=_is_room_version)
    """The version of rooms whose creator asks for none: "1" to "12", in quotes."""


@frozen
class EmailSettings:
    """The mail server that sends the server's own mail."""

    smtp_host: str
    """Its host name or address."""
    from_: str
    """The address that mail comes from."""
    smtp_port: int = field(default=587, validator=[validators.ge(1), validators.le(65535)])
    """Its port."""
    tls: bool = True
    """Whether mail travels encrypted: from the start on port 465, elsewhere by STARTTLS before anything is said."""
    username: str | None = None
    """Unset: the mail server asks for no login."""
    password: str | None = None
    """The password of username."""
