"""
Dehydrated devices: devices without a client, which take messages until a new client comes to read them.

MSC3814.
"""

import re
from collections.abc import Sequence
from typing import Final

from attrs import define, frozen

from e2ee.core.to_device import DELIVERED_AT_ONCE_MAX, Message
from e2ee.services.device_keys import Upload, write_upload
from e2ee.store import dehydrated_devices, to_device
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import Forbidden, InvalidParameter, NotFound
from homeserver.services.sessions import Sessions
from homeserver.store import devices
from homeserver.store.database import Database
from homeserver.store.write import Write

_PLACE: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)


@frozen
class NewDehydrated:
    """A device that is put away; *device_data* only its user can read."""

    device_id: DeviceID
    device_data: JSONObject
    display_name: str | None
    upload: Upload


@frozen
class Page:
    """Messages of a dehydrated device; *end* is from where to go on, if there are *more*."""

    messages: Sequence[Message]
    end: str
    more: bool


@define(eq=False)
class DehydratedDevices:
    """Keeps one for each user that wants it."""

    database: Database
    clock: Clock
    sessions: Sessions

    async def replace(self, user_id: UserID, new: NewDehydrated) -> None:
        """This is the user's dehydrated device, and one that was before is gone.  Raises Forbidden."""
        await self.database.write(self._replace, user_id, new, now_ms(self.clock))

    async def of(self, user_id: UserID) -> tuple[DeviceID, JSONObject]:
        """The dehydrated device and its data.  Raises NotFound."""
        found = await self.database.read(dehydrated_devices.of_user, user_id)
        if found is None:
            raise NotFound("There is no dehydrated device.")
        return found

    async def delete(self, user_id: UserID) -> DeviceID:
        """The dehydrated device is gone with all that waited for it.  Raises NotFound."""
        device_id, _ = await self.of(user_id)
        await self.sessions.close_devices(user_id, (device_id,))
        return device_id

    async def messages(self, user_id: UserID, device_id: DeviceID, after: str | None) -> Page:
        """
        A page of what waits for it, oldest first; all of it goes on waiting.

        *after*: the end of the page before.  Raises NotFound, and Forbidden for another device.
        """
        if (await self.of(user_id))[0] != device_id:
            raise Forbidden("This is not the dehydrated device.")
        if after is not None and not _PLACE.match(after):
            raise InvalidParameter("This server gave out no such token.")
        found = await self.database.read(
            to_device.waiting,
            user_id,
            device_id,
            int(after or 0),
            self.database.head,
            DELIVERED_AT_ONCE_MAX + 1,
        )
        told = found[:DELIVERED_AT_ONCE_MAX]
        end = str(told[-1][0]) if told else after or "0"
        return Page([message for _, message in told], end, len(found) > len(told))

    def _replace(self, tx: Write, user_id: UserID, new: NewDehydrated, now: int) -> None:
        before = dehydrated_devices.of_user(tx.connection, user_id)
        if before is not None:
            self.sessions.erasure.erase(tx, user_id, (before[0],))
        if not self.sessions.erasure.is_device_id_free(tx, user_id, new.device_id):
            raise Forbidden("A device cannot be called like a cross-signing key.")
        if not devices.insert_new(tx, user_id, new.device_id, new.display_name, now):
            raise Forbidden("There is a device of that name.")
        write_upload(tx, user_id, new.device_id, new.upload)
        dehydrated_devices.replace(tx, user_id, new.device_id, new.device_data)
