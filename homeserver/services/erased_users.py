"""
Whose owners wanted to be forgotten: who comes after them gets what they sent in its redacted form.

Nothing is redacted for who was there, nor on other servers; what is stored stays as it is.

Spec: client-server-api#post_matrixclientv3accountdeactivate
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence

from attrs import define, field

from homeserver.core.identifiers import UserID
from homeserver.core.log import ACCOUNT, PROFILE, LogEntry
from homeserver.core.redaction import redact_event
from homeserver.core.timeline import TimelineEvent
from homeserver.store import users
from homeserver.store.database import Database


class VeiledEvent(TimelineEvent):
    """An event of an erased user, as late comers get it: not what is in memory under its ID."""


def veil(entry: TimelineEvent) -> VeiledEvent:
    """The event in its redacted form, at its place."""
    return VeiledEvent(
        redact_event(entry.event), entry.nid, entry.ordering, entry.status, entry.redacted_by, entry.transaction
    )


@define(eq=False)
class ErasedUsers:
    """Tells the erased from others; of the *users_max* last looked up, from memory."""

    database: Database
    users_max: int = 50_000
    _known: OrderedDict[UserID, bool] = field(init=False, factory=OrderedDict)
    _generation: int = field(init=False, default=0)
    """Counts what may have changed."""

    async def among(self, user_ids: Collection[UserID]) -> frozenset[UserID]:
        """Those that are erased accounts of this server."""
        unknown = [user_id for user_id in user_ids if user_id not in self._known]
        # Now: while the others are looked up, these may be dropped.
        erased = frozenset(user_id for user_id in user_ids if self._known.get(user_id))
        if unknown:
            erased |= await self._read(unknown)
        return erased

    async def _read(self, user_ids: Collection[UserID]) -> frozenset[UserID]:
        generation = self._generation
        erased = await self.database.read(users.erased_among, user_ids)
        if generation == self._generation:
            self._known.update((user_id, user_id in erased) for user_id in user_ids)
        while len(self._known) > self.users_max:
            self._known.popitem(last=False)
        return erased

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Accounts that may have changed are read afresh."""
        for entry in entries:
            if entry.kind in {PROFILE, ACCOUNT}:
                self._generation += 1
                self._known.pop(UserID(entry.subject), None)
