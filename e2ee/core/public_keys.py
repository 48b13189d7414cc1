"""
A user's devices and cross-signing keys, as somebody may see them.

Spec: client-server-api#post_matrixclientv3keysquery
"""

from collections.abc import Collection, Mapping

from attrs import define, field, frozen

from e2ee.core.cross_signing import MASTER, SELF_SIGNING, USAGES
from e2ee.core.device_keys import with_name
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID


@frozen
class PublicDevice:
    """A device with its signed keys."""

    device_id: DeviceID
    keys: JSONObject
    display_name: str | None

    @property
    def shown(self) -> JSONObject:
        """The keys, with what the device is called."""
        return with_name(self.keys, self.display_name)


@frozen
class PublicKeys:
    """
    A user's keys with the signatures that the reader may see.

    *cross_signing*: by use; the user-signing key is there for its owner alone.
    """

    user_id: UserID
    devices: Mapping[DeviceID, PublicDevice]
    cross_signing: Mapping[str, JSONObject] = field(factory=dict)

    @property
    def master_key(self) -> JSONObject | None:
        return self.cross_signing.get(MASTER)

    @property
    def self_signing_key(self) -> JSONObject | None:
        return self.cross_signing.get(SELF_SIGNING)


@define
class QueryAnswer:
    """What a query brings together."""

    device_keys: dict[UserID, dict[DeviceID, JSONObject]] = field(factory=dict)
    cross_signing: dict[str, dict[UserID, JSONObject]] = field(factory=lambda: {usage: {} for usage in USAGES})
    failures: dict[ServerName, JSONObject] = field(factory=dict)

    def add(self, keys: PublicKeys, device_ids: Collection[DeviceID]) -> None:
        """The user's keys are in the answer; *device_ids*: of these devices alone, when there are any."""
        self.device_keys[keys.user_id] = {
            device_id: device.shown
            for device_id, device in keys.devices.items()
            if not device_ids or device_id in device_ids
        }
        for usage, key in keys.cross_signing.items():
            self.cross_signing[usage][keys.user_id] = key
