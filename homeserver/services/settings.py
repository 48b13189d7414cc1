"""Settings of accounts, rooms and mail that belong to no single service."""

from typing import Any

from attrs import Attribute, field, frozen, validators

from homeserver.core.versions import DEFAULT_ROOM_VERSION, ROOM_VERSIONS


def _is_room_version(_: Any, attribute: "Attribute[str]", version: str) -> None:
    if version not in ROOM_VERSIONS:
        raise ValueError(f"{attribute.name} must be one of {', '.join(ROOM_VERSIONS)}")


@frozen
class RegistrationSettings:
    """Who may make an account."""

    enabled: bool | None = None
    """
    Whether users make accounts themselves. Unset: only while server_name is localhost or a loopback address, that is
    while you are trying things out.
    """
    allow_guests: bool = False
    """Whether clients may look around as guests, without an account."""
    tokens_required: bool = False
    """Whether a new account needs a registration token that an administrator has made."""

    @property
    def is_open(self) -> bool:
        """Whether strangers may make accounts; once settings have been read, ``enabled`` is never unset."""
        return bool(self.enabled)


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
