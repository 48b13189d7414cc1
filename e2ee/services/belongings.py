"""What is kept here for devices and accounts, and goes with them."""

from collections.abc import Collection

from attrs import frozen

from e2ee.store import (
    backup_keys,
    backup_versions,
    cross_signing_keys,
    dehydrated_devices,
    device_keys,
    device_list_changes,
    fallback_keys,
    key_signatures,
    one_time_keys,
    to_device,
)
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.store.write import Write


@frozen
class EncryptionBelongings:
    """The ``DeviceBelongings`` and ``AccountBelongings`` of end-to-end encryption."""

    def is_device_id_free(self, tx: Write, user_id: UserID, device_id: DeviceID) -> bool:
        """Whether no cross-signing key of the user is called so."""
        keys = cross_signing_keys.of_user(tx.connection, user_id)
        return all(key.public_key != device_id for key in keys.values())

    def delete_of_devices(self, tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> None:
        """The devices have no keys, and nothing waits for them."""
        device_keys.delete_of_devices(tx, user_id, device_ids)
        one_time_keys.delete_of_devices(tx, user_id, device_ids)
        fallback_keys.delete_of_devices(tx, user_id, device_ids)
        to_device.delete_of_devices(tx, user_id, device_ids)
        key_signatures.delete_on(tx, user_id, device_ids)
        dehydrated = dehydrated_devices.of_user(tx.connection, user_id)
        if dehydrated is not None and dehydrated[0] in device_ids:
            dehydrated_devices.remove(tx, user_id)

    def delete_of_account(self, tx: Write, user_id: UserID, *, erase: bool) -> None:
        """Nobody will sign with the account's keys again, nor read its backups."""
        cross_signing_keys.delete_of_user(tx, user_id)
        key_signatures.delete_of_user(tx, user_id)
        backup_keys.delete_of_user(tx, user_id)
        backup_versions.delete_of_user(tx, user_id)
        device_list_changes.record(tx, user_id)
