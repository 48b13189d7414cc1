"""
Other servers learn of changes of local users' devices, and what nobody here needs of others' is forgotten.

It reads the log from where it was.  What a stretch of it asks for is written together with the place in the log that
was reached: after a crash nothing is said twice, and nothing is missed.

Spec: server-server-api#device-management
"""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from e2ee.core.announcements import (
    Differences,
    deleted_edu,
    device_digest,
    device_edu,
    differences,
    signing_digest,
    signing_edu,
)
from e2ee.core.public_keys import PublicKeys
from e2ee.services.remote_lists import remove_list
from e2ee.store import announced_devices, device_list_changes, public_keys, remote_device_lists, room_moves
from federation.store import outbox
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.log import DEVICE_LIST, MEMBERSHIP, REMOTE_MEMBERSHIP, LogEntry, Position
from homeserver.services.clock import Clock
from homeserver.services.log_tail import LogTail
from homeserver.store import cursors
from homeserver.store import log as stored_log
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

CONSUMER: Final = "device lists"
PASS_MAX: Final = 1_000
"""Positions of the log that are read at once."""
READ_AGAIN_SECONDS: Final = 1.0
"""After reading the log has failed."""

_KINDS: Final = frozenset({DEVICE_LIST, MEMBERSHIP, REMOTE_MEMBERSHIP})


@frozen
class _Concern:
    """What a stretch of the log is about."""

    changed: dict[UserID, Position] = field(factory=dict)
    """Users whose devices changed, and where last."""
    joined: dict[UserID, set[int]] = field(factory=dict)
    """Local users, and rooms in which their membership changed."""
    moved: set[UserID] = field(factory=set)
    """Users of other servers that came into a room or left one."""


@frozen
class _Audience:
    """Who hears of a local user: all servers that share a room, and those of them that do so only now."""

    servers: frozenset[ServerName]
    newcomers: frozenset[ServerName]


@define(eq=False)
class Announcements:
    """Follows the log.  ``start`` comes first."""

    server: ServerName
    database: Database
    tail: LogTail
    clock: Clock
    _cursor: Position = field(init=False, default=Position(0))
    _stored: Position = field(init=False, default=Position(0))
    _head: Position = field(init=False, default=Position(0))
    _running: "Deferred[None] | None" = field(init=False, default=None)
    _again: Any = field(init=False, default=None)
    _started: bool = field(init=False, default=False)

    async def start(self) -> None:
        """What happened while the server was down is worked in, and so is what comes."""
        cursor = await self.database.read(cursors.position_of, CONSUMER)
        if cursor is None:
            cursor = self.database.head
            await self.database.write(cursors.advance, CONSUMER, cursor)
        self._cursor = self._stored = cursor
        self._head = max(self._head, self.database.head)
        self._started = True
        self._wake()
        if self._running is not None:
            await self._running

    async def stop(self) -> None:
        """Nothing is announced any more; the next start goes on from here."""
        self._started = False
        if self._again is not None and self._again.active():
            self._again.cancel()
        if self._running is not None:
            await self._running

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The log has grown by *entries*."""
        if not entries:
            return
        self._head = entries[-1].position
        if any(entry.kind in _KINDS for entry in entries) or self._head - self._cursor >= PASS_MAX:
            self._wake()

    def _wake(self) -> None:
        if self._started and self._running is None and self._cursor < self._head:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(self._report).addBoth(self._finish)

    def _finish(self, _: object) -> None:
        self._running = None
        if self._started and self._cursor < self._head:
            # Only when something failed: otherwise it goes on until it has reached the head.
            self._again = self.clock.callLater(READ_AGAIN_SECONDS, self._wake)

    async def _run(self) -> None:
        while self._started and self._cursor < self._head:
            upto = Position(min(self._head, self._cursor + PASS_MAX))
            concern = self._concern(await self._entries(self._cursor, upto))
            if concern != _Concern() or upto - self._stored >= PASS_MAX:
                audiences = await self.database.scan(_audiences, self.server, concern)
                stored = await self.database.write_long(_announce, self._stored, upto, concern, audiences, self.server)
                # Another process has done it, as far as that.
                self._stored = stored
                upto = max(upto, stored)
            self._cursor = upto

    async def _entries(self, after: Position, upto: Position) -> Sequence[LogEntry]:
        entries = self.tail.between(after, upto) if upto <= self.tail.head else None
        if entries is not None:
            return entries
        return await self.database.scan(stored_log.entries, after, upto, PASS_MAX)

    def _concern(self, entries: Sequence[LogEntry]) -> _Concern:
        concern = _Concern()
        for entry in entries:
            user_id = UserID(entry.subject)
            if entry.kind == DEVICE_LIST:
                concern.changed[user_id] = entry.position
            elif entry.kind == MEMBERSHIP and entry.ref is not None:
                concern.joined.setdefault(user_id, set()).add(entry.ref)
            elif entry.kind == REMOTE_MEMBERSHIP:
                concern.moved.add(user_id)
        return concern

    def _report(self, failure: Failure) -> None:
        if self._started:
            log.error("changes of devices were not announced", failure=failure.getTraceback())


def _audiences(tx: Any, server: ServerName, concern: _Concern) -> dict[UserID, _Audience]:
    """Of every local user that there may be something to say of."""
    audiences = {}
    for user_id in concern.changed.keys() | concern.joined.keys():
        if server_of(user_id) != server:
            continue
        digests, signing = announced_devices.of_user(tx, user_id)
        if not digests and not signing and user_id not in concern.changed:
            # Nothing was ever said of devices, and there is nothing to say.
            continue
        rooms = room_moves.joined_rooms(tx, user_id).keys()
        entered = rooms & concern.joined.get(user_id, set())
        before = room_moves.servers_of(tx, rooms - entered)
        now = room_moves.servers_of(tx, entered)
        audiences[user_id] = _Audience(frozenset((before | now) - {server}), frozenset(now - before - {server}))
    return audiences


def _announce(
    tx: Write,
    expected: Position,
    upto: Position,
    concern: _Concern,
    audiences: dict[UserID, _Audience],
    server: ServerName,
) -> Position:
    """All is said, and the place in the log is *upto*; or where another process has brought it to."""
    reached = cursors.position_of(tx.connection, CONSUMER) or Position(0)
    if reached != expected:
        return reached
    for user_id, position in concern.changed.items():
        device_list_changes.note(tx, user_id, position)
    for user_id, audience in audiences.items():
        _announce_user(tx, user_id, audience)
    for user_id in _departed(tx, concern):
        remove_list(tx, user_id)
    cursors.advance(tx, CONSUMER, upto)
    return upto


def _announce_user(tx: Write, user_id: UserID, audience: _Audience) -> None:
    now = public_keys.of_locals(tx.connection, (user_id,), None)[user_id]
    digests, signing = announced_devices.of_user(tx.connection, user_id)
    found = differences(now, digests, signing)
    if found.changed or found.deleted:
        _say_devices(tx, now, found, audience)
    elif audience.newcomers and now.devices:
        _greet(tx, now, audience)
    if found.signing_changed:
        announced_devices.replace_signing(tx, user_id, signing_digest(now))
        outbox.queue_edu(tx, audience.servers, signing_edu(now))


def _say_devices(tx: Write, now: PublicKeys, found: Differences, audience: _Audience) -> None:
    user_id = now.user_id
    stream_id = announced_devices.stream_id(tx.connection, user_id)
    for device in found.changed:
        stream_id += 1
        outbox.queue_edu(tx, audience.servers, device_edu(user_id, device, stream_id))
        announced_devices.replace(tx, user_id, device.device_id, device_digest(device))
    for device_id in found.deleted:
        stream_id += 1
        outbox.queue_edu(tx, audience.servers, deleted_edu(user_id, device_id, stream_id))
        announced_devices.remove(tx, user_id, device_id)
    announced_devices.set_stream_id(tx, user_id, stream_id)


def _greet(tx: Write, now: PublicKeys, audience: _Audience) -> None:
    """
    Servers that come to share a room hear the newest update again: it refers to one that they do not have, and if they
    hold a list from earlier they see that it is old.
    """
    device = next(iter(now.devices.values()))
    stream_id = announced_devices.stream_id(tx.connection, now.user_id)
    outbox.queue_edu(tx, audience.newcomers, device_edu(now.user_id, device, stream_id))


def _departed(tx: Write, concern: _Concern) -> list[UserID]:
    """Users of other servers whose devices are held, and with whom nobody here shares a room any more."""
    suspects = set(concern.moved)
    for room_nid in {nid for nids in concern.joined.values() for nid in nids}:
        if not room_moves.has_locals(tx.connection, room_nid):
            suspects |= room_moves.members(tx.connection, room_nid, tx.position, unencrypted_max=PASS_MAX * PASS_MAX)
    held = remote_device_lists.lists_of(tx.connection, suspects)
    return [user_id for user_id in held if not room_moves.shares_with_locals(tx.connection, user_id)]
