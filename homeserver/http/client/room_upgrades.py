"""
Room upgrades.

Spec: client-server-api#room-upgrades
"""

from attrs import field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.versions import parse_room_version
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.refusals import GuestsForbidden
from homeserver.services.upgrading import Upgrading


@frozen
class UpgradeBody:
    """What the new room is to be."""

    new_version: str
    additional_creators: list[UserID] = field(factory=list)


@frozen
class RoomUpgradeEndpoints:
    """Rooms of another version in the place of rooms."""

    upgrading: Upgrading

    @operation("upgradeRoom")
    async def upgrade_room(self, caller: Caller, room_id: RoomID, body: UpgradeBody) -> JSONObject:
        """The room has a successor.  Raises NotInRoom, Forbidden, Malformed for a version that is not known."""
        if caller.is_guest:
            raise GuestsForbidden
        version = parse_room_version(body.new_version)
        return {
            "replacement_room": await self.upgrading.upgrade(caller.user_id, room_id, version, body.additional_creators)
        }
