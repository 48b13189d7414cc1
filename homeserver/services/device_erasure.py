"""What goes when a device goes: its tokens and pushers, its keys, the messages that wait for it."""

from collections.abc import Collection, Sequence

from attrs import frozen

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import ACCOUNT, DEVICE_LIST, PUSHERS
from homeserver.services.ports import DeviceBelongings
from homeserver.store import access_tokens, devices, login_tokens, pushers, refresh_tokens
from homeserver.store.write import Write


@frozen
class DeviceErasure:
    """Functions of a writing transaction, so that no device is ever half gone."""

    belongings: Sequence[DeviceBelongings] = ()

    def is_device_id_free(self, tx: Write, user_id: UserID, device_id: DeviceID) -> bool:
        """Whether a device may be called so."""
        return all(each.is_device_id_free(tx, user_id, device_id) for each in self.belongings)

    def erase(self, tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> None:
        """These devices are gone with all that is their own; those that are not there were gone already."""
        if not devices.delete(tx, user_id, device_ids):
            return
        access_tokens.delete_of_devices(tx, user_id, device_ids)
        refresh_tokens.delete_of_devices(tx, user_id, device_ids)
        if sum(pushers.delete_of_device(tx, user_id, device_id) for device_id in device_ids):
            tx.log(PUSHERS, user_id)
        for each in self.belongings:
            each.delete_of_devices(tx, user_id, device_ids)
        tx.log(DEVICE_LIST, user_id)

    def erase_others(self, tx: Write, user_id: UserID, keep: DeviceID | None) -> None:
        """All devices of the user but one are gone, and every other way to a session that was opened before."""
        self.erase(tx, user_id, [each for each in devices.ids_of(tx.connection, user_id) if each != keep])
        login_tokens.delete_of_user(tx, user_id)
        if access_tokens.delete_without_device(tx, user_id):
            # Every process hears of it, as it does of devices.
            tx.log(ACCOUNT, user_id)

    def erase_all(self, tx: Write, user_id: UserID) -> None:
        """All devices of the user are gone, and every token."""
        self.erase_others(tx, user_id, None)
        access_tokens.delete_of_user(tx, user_id)
        refresh_tokens.delete_of_user(tx, user_id)
