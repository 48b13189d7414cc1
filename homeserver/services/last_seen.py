"""
When devices were last seen: noted in memory, and written for many devices at once, now and then.

What was noted and not yet written is lost with the process: it is a convenience, not a record.
Spec: client-server-api#device-management
"""

from typing import Final

import structlog
from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.clock import Clock, Delayed
from homeserver.store import devices
from homeserver.store.database import Database
from homeserver.store.devices import Device
from homeserver.store.failures import DatabaseFailure
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

WRITE_SECONDS: Final = 120
"""How far behind the store may be."""
DEVICES_MAX: Final = 10_000
"""Devices noted until then; more are written earlier."""
ADDRESS_CHARACTERS_MAX: Final = 64
AGENT_CHARACTERS_MAX: Final = 256


_NOWHERE: Final = RequestInfo("", "")


@frozen
class _Seen:
    at_ms: int
    info: RequestInfo


@define(eq=False)
class LastSeen:
    """Notes who was here."""

    database: Database
    clock: Clock
    keeps_addresses: bool = True
    """False: only when they were seen, not from where nor by which client."""
    _seen: dict[tuple[UserID, DeviceID], _Seen] = field(init=False, factory=dict)
    _next_write: Delayed | None = field(init=False, default=None)

    def note(self, caller: Caller, info: RequestInfo, now: int) -> None:
        """The caller's device was here *now*."""
        if caller.device_id is None:
            return
        self._seen[caller.user_id, caller.device_id] = _Seen(now, info if self.keeps_addresses else _NOWHERE)
        if len(self._seen) >= DEVICES_MAX:
            self._write_now()
        elif self._next_write is None:
            self._next_write = self.clock.callLater(WRITE_SECONDS, self._write_now)

    def up_to_date(self, user_id: UserID, device: Device) -> Device:
        """The device with what was noted of it and is not written yet."""
        last = self._seen.get((user_id, device.device_id))
        if last is None:
            return device
        address, agent = _told(last)
        return evolve(device, last_seen_ms=last.at_ms, last_seen_ip=address, last_seen_agent=agent)

    async def flush(self) -> None:
        """All that was noted is written; to be called before the database closes."""
        if self._next_write is not None and self._next_write.active():
            self._next_write.cancel()
        self._next_write = None
        seen, self._seen = self._seen, {}
        if seen:
            await self.database.write_long(_write, seen)

    def _write_now(self) -> None:
        Deferred.fromCoroutine(self._flush_or_drop())

    async def _flush_or_drop(self) -> None:
        try:
            await self.flush()
        except DatabaseFailure as failure:
            log.warning("when devices were last seen could not be written", reason=str(failure))


def _told(last: _Seen) -> tuple[str | None, str | None]:
    """The address and the client."""
    address, agent = last.info.client_ip[:ADDRESS_CHARACTERS_MAX], last.info.user_agent[:AGENT_CHARACTERS_MAX]
    return address or None, agent or None


def _write(tx: Write, seen: dict[tuple[UserID, DeviceID], _Seen]) -> None:
    for (user_id, device_id), last in seen.items():
        address, agent = _told(last)
        devices.set_last_seen(tx, user_id, device_id, last.at_ms, address, agent)
