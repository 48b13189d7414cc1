"""
One-time keys are given out, each once.

Spec: client-server-api#one-time-and-fallback-keys
"""

from attrs import define, frozen

from e2ee.core.one_time_keys import Claimed, OneTimeKey, Wanted, claimed_of
from e2ee.services.failures import failure_of
from e2ee.services.patience import all_of, at_most
from e2ee.services.ports import RemoteKeys
from e2ee.store import fallback_keys, one_time_keys
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, ServerName, UserID, server_of
from homeserver.core.log import ONE_TIME_KEYS
from homeserver.services.clock import Clock
from homeserver.store.database import Database
from homeserver.store.write import Write


@frozen
class Claims:
    """What was given out, and which servers did not answer."""

    keys: Claimed
    failures: dict[ServerName, JSONObject]


@define(eq=False)
class OneTimeKeys:
    """Gives out one-time keys of this server's devices, and asks others for theirs."""

    server: ServerName
    database: Database
    clock: Clock
    remote: RemoteKeys

    async def claim(self, wanted: Wanted, timeout_seconds: float) -> Claims:
        """A key of each device; devices that have none, not even a fallback key, are left out."""
        by_server: dict[ServerName, dict[UserID, dict[DeviceID, str]]] = {}
        for user_id, devices in wanted.items():
            by_server.setdefault(server_of(user_id), {})[user_id] = dict(devices)
        local = by_server.pop(self.server, None)
        claims = Claims(await self.claim_local(local) if local else {}, {})

        async def ask(server: ServerName) -> JSONObject:
            return await at_most(timeout_seconds, self.clock, server, self.remote.claim(server, by_server[server]))

        for server, answer in await all_of(by_server, ask):
            if isinstance(answer, Exception):
                claims.failures[server] = failure_of(answer)
            else:
                claims.keys.update(claimed_of(answer, by_server[server]))
        return claims

    async def claim_local(self, wanted: Wanted) -> Claimed:
        """The same of this server's devices alone."""
        local = {user_id: devices for user_id, devices in wanted.items() if server_of(user_id) == self.server}
        return await self.database.write(_claim, local) if local else {}


def _claim(tx: Write, wanted: Wanted) -> Claimed:
    # Writes come one after the other: what one claim takes no other finds.
    claimed: Claimed = {}
    for user_id, devices in wanted.items():
        changed = False
        for device_id, algorithm in devices.items():
            key = one_time_keys.take(tx, user_id, device_id, algorithm)
            changed |= key is not None
            if key is None:
                key, first = _fallback(tx, user_id, device_id, algorithm)
                changed |= first
            if key is not None:
                claimed.setdefault(user_id, {})[device_id] = {key.name: key.key}
        if changed:
            tx.log(ONE_TIME_KEYS, user_id)
    return claimed


def _fallback(tx: Write, user_id: UserID, device_id: DeviceID, algorithm: str) -> tuple[OneTimeKey | None, bool]:
    """The key that stands in, and whether it does for the first time."""
    key = fallback_keys.by_algorithm(tx.connection, user_id, device_id, algorithm)
    return key, key is not None and fallback_keys.use(tx, user_id, device_id, algorithm)
