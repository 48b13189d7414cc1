"""Which of several processes pushes, and how far it has come: functions of a transaction."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from homeserver.core.log import Position
from homeserver.services.pushing.lane import Key
from homeserver.store import cursors, pushers
from homeserver.store.pushers import StoredPusher
from homeserver.store.write import Write

CONSUMER: Final = "push"


@frozen
class Progress:
    """How far a pusher has come, to be stored."""

    key: Key
    cursor: Position
    failing_since_ms: int | None


@frozen
class Lease:
    """*is_continued*: nobody else had it in between.  *start*: where to read on.  *failing*: pushers that fail."""

    is_continued: bool
    start: Position
    failing: Sequence[StoredPusher]


def start_of(tx: Any, head: Position) -> tuple[Position, Position, bool]:
    """The stored place, where the first pusher that does not fail is to be served from, and whether any fails."""
    stored = cursors.position_of(tx, CONSUMER) or Position(0)
    first = pushers.first_cursor(tx)
    start = head if first is None else max(stored, first)
    return stored, start, bool(pushers.failing(tx))


def take(tx: Write, holder: str, now: int, until: int) -> Lease | None:
    """The work is *holder*'s until then; None: another process is at it."""
    before = cursors.holder_of(tx.connection, CONSUMER)
    if cursors.position_of(tx.connection, CONSUMER) is None:
        cursors.advance(tx, CONSUMER, Position(0))
    if not cursors.hold(tx, CONSUMER, holder, now, until):
        return None
    _, start, _ = start_of(tx.connection, tx.position)
    return Lease(before == holder, start, pushers.failing(tx.connection))


def store(tx: Write, holder: str, now: int, until: int | None, progress: Sequence[Progress], settled: Position) -> bool:
    """Whether *holder* still holds the lease; then everything is stored.  *until*: None gives the lease up."""
    if not cursors.hold(tx, CONSUMER, holder, now, now if until is None else until):
        return False
    for each in progress:
        pushers.advance(tx, *each.key, each.cursor, each.failing_since_ms)
    if settled > (cursors.position_of(tx.connection, CONSUMER) or 0):
        cursors.advance(tx, CONSUMER, settled)
    if until is None:
        cursors.release(tx, CONSUMER, holder)
    return True
