"""
What other servers ask of keys of this server's users.

Spec: server-server-api#end-to-end-encryption
"""

from attrs import field, frozen

from e2ee.core.cross_signing import MASTER, SELF_SIGNING
from e2ee.services.key_queries import KeyQueries
from e2ee.services.one_time_keys import OneTimeKeys
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.http.operation import server_operation


@frozen
class RemoteQueryBody:
    device_keys: dict[UserID, list[DeviceID]] = field()


@frozen
class RemoteQueryReply:
    device_keys: dict[UserID, dict[DeviceID, JSONObject]]
    master_keys: dict[UserID, JSONObject]
    self_signing_keys: dict[UserID, JSONObject]


@frozen
class RemoteClaimBody:
    one_time_keys: dict[UserID, dict[DeviceID, str]] = field()


@frozen
class RemoteClaimReply:
    one_time_keys: dict[UserID, dict[DeviceID, JSONObject]]


@frozen
class DeviceReply:
    device_id: DeviceID
    keys: JSONObject
    device_display_name: str | None = None


@frozen
class DeviceListReply:
    user_id: UserID
    stream_id: int
    devices: list[DeviceReply]
    master_key: JSONObject | None = None
    self_signing_key: JSONObject | None = None


@frozen
class ServerKeyEndpoints:
    """Keys, for other servers."""

    queries: KeyQueries
    one_time_keys: OneTimeKeys

    @server_operation("queryUserEncryptionKeys")
    async def query_keys(self, body: RemoteQueryBody) -> RemoteQueryReply:
        """The keys of users of this server; of others nothing."""
        answer = await self.queries.query_local(body.device_keys)
        signing = answer.cross_signing
        return RemoteQueryReply(answer.device_keys, signing[MASTER], signing[SELF_SIGNING])

    @server_operation("claimUserEncryptionKeys")
    async def claim_keys(self, body: RemoteClaimBody) -> RemoteClaimReply:
        """One-time keys of devices of this server, which nobody else gets."""
        return RemoteClaimReply(await self.one_time_keys.claim_local(body.one_time_keys))

    @server_operation("getUserDevices")
    async def user_devices(self, user_id: UserID) -> DeviceListReply:
        """All devices of a user of this server that have keys.  Raises NotFound."""
        found = await self.queries.device_list(user_id)
        devices = [
            DeviceReply(device.device_id, device.keys, device.display_name) for device in found.keys.devices.values()
        ]
        return DeviceListReply(user_id, found.stream_id, devices, found.keys.master_key, found.keys.self_signing_key)
