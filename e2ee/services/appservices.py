"""
What application services are told of end-to-end encryption.

Proposals 3202 and 4203 say how; they are in no version of the specification yet.
"""

from collections.abc import Collection, Mapping, Sequence

import orjson
from attrs import define

from e2ee.core.one_time_keys import whole_counts
from e2ee.services.device_lists import UNENCRYPTED_MEMBERS_MAX
from e2ee.store import appservices, key_states, room_moves, to_device
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.services.ports import DeviceKeyCounts
from homeserver.store import devices
from homeserver.store.database import Database, Snapshot
from homeserver.store.write import Write


@define(eq=False)
class EncryptionForAppservices:
    """Implements ``ports.AppserviceEncryption`` of the package ``homeserver``."""

    database: Database

    async def has_devices(self, appservice_id: str) -> bool:
        """Whether any user that the application service registered has a device with keys."""
        return await self.database.read(appservices.has_devices, appservice_id)

    async def messages(self, user_ids: Collection[UserID], after: Position, upto: Position) -> Sequence[JSONObject]:
        """The messages to their devices at positions in ``(after, upto]``, oldest first, with whom each is for."""
        found = await self.database.read(appservices.messages, user_ids, after, upto)
        return [
            {
                "type": each.message.type,
                "sender": each.message.sender,
                "to_user_id": each.user_id,
                "to_device_id": each.device_id,
                "content": orjson.Fragment(each.message.content),  # type: ignore[dict-item]
            }
            for each in found
        ]

    async def key_counts(self, user_ids: Collection[UserID]) -> Mapping[UserID, Mapping[DeviceID, DeviceKeyCounts]]:
        """What their devices have left; users without devices are left out."""
        return await self.database.read(_key_counts, user_ids)

    async def members(self, room_nid: int, position: Position) -> Collection[UserID]:
        """Users of any server joined to the room after *position*; none of a large room that is not encrypted."""
        return await self.database.scan(room_moves.members, room_nid, position, unencrypted_max=UNENCRYPTED_MEMBERS_MAX)

    def forget_messages(self, tx: Write, user_ids: Collection[UserID], upto: Position) -> None:
        """The messages to their devices at and before *upto* were delivered."""
        for user_id in user_ids:
            for device_id in devices.ids_of(tx.connection, user_id):
                to_device.forget(tx, user_id, device_id, upto)


def _key_counts(tx: Snapshot, user_ids: Collection[UserID]) -> dict[UserID, dict[DeviceID, DeviceKeyCounts]]:
    found: dict[UserID, dict[DeviceID, DeviceKeyCounts]] = {}
    for user_id in user_ids:
        for device_id in devices.ids_of(tx, user_id):
            counts, unused = key_states.of_device(tx, user_id, device_id)
            found.setdefault(user_id, {})[device_id] = DeviceKeyCounts(whole_counts(counts), unused)
    return found
