"""
From where a user was last seen.

Spec: client-server-api#server-administration
"""

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.services.callers import Caller
from homeserver.services.last_seen import LastSeen
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.store import devices, users
from homeserver.store.database import Database
from homeserver.store.devices import Device


@define(eq=False)
class WhoIs:
    """Tells of a user's sessions and connections."""

    database: Database
    last_seen: LastSeen

    async def of(self, caller: Caller, user_id: UserID) -> JSONObject:
        """The sessions of the user, as clients see them.  Raises Forbidden unless it is the caller; NotFound."""
        if caller.user_id != user_id and not caller.is_admin:
            raise Forbidden("Only administrators of this server may look up others.")
        if await self.database.read(users.by_id, user_id) is None:
            raise NotFound(f"There is no account {user_id}.")
        found = await self.database.read(devices.of_user, user_id)
        seen = [self.last_seen.up_to_date(user_id, device) for device in found]
        return {"user_id": user_id, "devices": {device.device_id: _shown(device) for device in seen}}


def _shown(device: Device) -> JSONObject:
    if device.last_seen_ms is None:
        return {"sessions": []}
    # A device has one session at a time, and of its connections the last is known.
    connection: dict[str, JSON] = {"last_seen": device.last_seen_ms}
    if device.last_seen_ip is not None:
        connection["ip"] = device.last_seen_ip
    if device.last_seen_agent is not None:
        connection["user_agent"] = device.last_seen_agent
    return {"sessions": [{"connections": [connection]}]}
