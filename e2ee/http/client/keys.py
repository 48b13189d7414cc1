"""
Keys are uploaded, queried and claimed.

Spec: client-server-api#key-management-api
"""

from collections.abc import Mapping
from typing import Annotated, Final

from attrs import field, frozen

from e2ee.core.checks import parse_object
from e2ee.core.cross_signing import MASTER, SELF_SIGNING, USER_SIGNING
from e2ee.core.device_keys import parse_device_keys
from e2ee.core.one_time_keys import parse_fallback_keys, parse_one_time_keys
from e2ee.services.device_keys import DeviceKeys, Upload
from e2ee.services.device_lists import DeviceLists
from e2ee.services.key_queries import KeyQueries
from e2ee.services.one_time_keys import OneTimeKeys
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID
from homeserver.core.sync_tokens import SyncToken, parse_sync_token
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.refusals import InvalidParameter

TIMEOUT_SECONDS: Final = 10.0
TIMEOUT_SECONDS_MAX: Final = 60.0


@frozen
class UploadBody:
    device_keys: JSON = None
    one_time_keys: JSON = None
    fallback_keys: JSON = None


@frozen
class Uploaded:
    one_time_key_counts: Mapping[str, int]


@frozen
class QueryBody:
    device_keys: dict[UserID, list[DeviceID]] = field()
    timeout: int | None = None


@frozen
class QueryReply:
    device_keys: dict[UserID, dict[DeviceID, JSONObject]]
    master_keys: dict[UserID, JSONObject]
    self_signing_keys: dict[UserID, JSONObject]
    user_signing_keys: dict[UserID, JSONObject]
    failures: dict[ServerName, JSONObject]


@frozen
class ClaimBody:
    one_time_keys: dict[UserID, dict[DeviceID, str]] = field()
    timeout: int | None = None


@frozen
class ClaimReply:
    one_time_keys: dict[UserID, dict[DeviceID, JSONObject]]
    failures: dict[ServerName, JSONObject]


@frozen
class Changes:
    changed: list[UserID]
    left: list[UserID]


@frozen
class DeviceKeyEndpoints:
    """Keys of devices."""

    device_keys: DeviceKeys
    queries: KeyQueries
    one_time_keys: OneTimeKeys
    device_lists: DeviceLists

    @operation("uploadKeys")
    async def upload_keys(self, caller: Caller, body: UploadBody) -> Uploaded:
        """The caller's device has these keys.  Raises InvalidParameter when it has another under the same ID."""
        if caller.device_id is None:
            raise InvalidParameter("Keys belong to a device, and this request speaks for none.")
        upload = parse_upload(caller.user_id, caller.device_id, body)
        return Uploaded(await self.device_keys.upload(caller.user_id, caller.device_id, upload))

    @operation("queryKeys")
    async def query_keys(self, caller: Caller, body: QueryBody) -> QueryReply:
        """The keys of users, here and elsewhere."""
        answer = await self.queries.query(caller.user_id, body.device_keys, _seconds(body.timeout))
        signing = answer.cross_signing
        return QueryReply(
            answer.device_keys, signing[MASTER], signing[SELF_SIGNING], signing[USER_SIGNING], answer.failures
        )

    @operation("claimKeys")
    async def claim_keys(self, caller: Caller, body: ClaimBody) -> ClaimReply:
        """One-time keys of devices, which nobody else gets."""
        claims = await self.one_time_keys.claim(body.one_time_keys, _seconds(body.timeout))
        return ClaimReply(claims.keys, claims.failures)

    @operation("getKeysChanges")
    async def keys_changes(
        self, caller: Caller, from_: Annotated[SyncToken, parse_sync_token], to: Annotated[SyncToken, parse_sync_token]
    ) -> Changes:
        """Whose devices changed between two syncs."""
        news = await self.device_lists.changes(caller.user_id, from_.position, to.position)
        return Changes(sorted(news.changed), sorted(news.left))


def parse_upload(user_id: UserID, device_id: DeviceID, body: UploadBody) -> Upload:
    """What is uploaded for a device.  Raises Malformed."""
    keys = None
    if body.device_keys is not None:
        keys = parse_device_keys(parse_object(body.device_keys, "device_keys"), user_id, device_id)
    return Upload(keys, parse_one_time_keys(body.one_time_keys), parse_fallback_keys(body.fallback_keys))


def _seconds(timeout_ms: int | None) -> float:
    """How long a client waits for other servers; none can make it shorter than a second."""
    if timeout_ms is None:
        return TIMEOUT_SECONDS
    return min(max(timeout_ms / 1000, 1.0), TIMEOUT_SECONDS_MAX)
