"""Settings of rooms that belong to no single service."""

from typing import Any

from attrs import Attribute, field, frozen

from homeserver.core.versions import DEFAULT_ROOM_VERSION, ROOM_VERSIONS


def _is_room_version(_: Any, attribute: "Attribute[str]", version: str) -> None:
    stable = [each.id for each in ROOM_VERSIONS.values() if each.stable]
    if version not in stable:
        raise ValueError(f"{attribute.name} must be one of {', '.join(stable)}")


@frozen
class RoomSettings:
    """How rooms are made."""

    default_version: str = field(default=DEFAULT_ROOM_VERSION.id, validator=_is_room_version)
    """The version of rooms whose creator asks for none: "1" to "12", in quotes."""
