"""What is no longer needed is deleted."""

from typing import Final

from sqlalchemy import func, select

from homeserver.core.log import Position
from homeserver.store import log
from homeserver.store.prepared import Prepared
from homeserver.store.schema.accounts import cursors
from homeserver.store.write import Write

_SLOWEST = Prepared(select(func.min(cursors.c.position)))
TRIMMED_MAX: Final = 20_000
"""Entries that are deleted at once: more would keep others from writing."""


def trim_log(tx: Write, kept: int) -> bool:
    """
    Of the log only the newest *kept* entries stay, and what a consumer has not read yet.

    Whether there is more to delete than was deleted at once.
    """
    first = log.first(tx.connection)
    if first is None:
        return False
    upto = log.head(tx.connection) - kept
    slowest: int | None = _SLOWEST.scalar(tx.connection)
    if slowest is not None:
        upto = min(upto, slowest)
    at_once = min(upto, first + TRIMMED_MAX)
    if at_once < first:
        return False
    log.prune(tx, Position(at_once))
    return at_once < upto
