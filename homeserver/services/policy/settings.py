"""Settings of policies."""

from typing import Any

from attrs import Attribute, field, frozen

from homeserver.core.identifiers import parse_room_alias, parse_room_id
from homeserver.core.malformed import Malformed


def _are_rooms(_: Any, attribute: "Attribute[Any]", rooms: tuple[str, ...]) -> None:
    for room in rooms:
        try:
            parse_room_alias(room) if room.startswith("#") else parse_room_id(room)
        except Malformed as malformed:
            raise ValueError(f"{attribute.name} holds IDs and aliases of rooms: {malformed.reason}") from malformed


@frozen
class PolicySettings:
    """Whom this server keeps away, and whether rooms may use it as their policy server."""

    lists: tuple[str, ...] = field(default=(), validator=_are_rooms)
    """
    Policy rooms, by alias or ID, whose rules this server heeds: those whom they ban invite nobody here and come into no
    room through this server, and nobody here is let into the rooms that they ban. The account of server_notices joins
    them.
    """
    serves_rooms: bool = False
    """
    Whether rooms may name this server in m.room.policy: then it signs events but those of whom the lists ban. Its key
    is made on first start, in policy.key of data_dir, and told at /.well-known/matrix/policy_server.
    """
