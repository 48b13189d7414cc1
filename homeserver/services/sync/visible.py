"""
Which events of a stretch a user may see, and what the user was to the room at each of them.

Spec: client-server-api#room-history-visibility
"""

from collections.abc import Sequence
from typing import TypeAlias

from attrs import define

from homeserver.core.timeline import TimelineEvent
from homeserver.core.visibility import HISTORY_VISIBILITY, may_see, visibility_of
from homeserver.services.known_events import KnownEvents
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

Seen: TypeAlias = tuple[TimelineEvent, str | None]
"""An event, and the membership of who sees it, with the change that the event itself makes."""


@define(eq=False)
class VisibleEvents:
    """Holds events against the state before each."""

    database: Database
    known: KnownEvents

    async def of(self, row: Membership, events: Sequence[TimelineEvent]) -> list[Seen]:
        """
        Those of *events* (oldest first, of one timeline) that the user of *row* may see.

        Who was joined all the time sees everything, and nothing is read.
        """
        if not events:
            return []
        first = events[0].ordering
        assert first is not None, "an event of a timeline has a place"
        if row.membership == "join" and row.position <= first >> 20:
            return [(event, "join") for event in events]
        return await self._of(row, events)

    async def _of(self, row: Membership, events: Sequence[TimelineEvent]) -> list[Seen]:
        member = ("m.room.member", row.user_id)
        keys = (member, (HISTORY_VISIBILITY, ""))
        places = [(event.nid, event.ordering) for event in events]
        states = await self.database.read(windows.entries_before_each, row.room_nid, places, keys)
        referred = await self.known.by_nids({nid for state in states for nid in state.values()})
        seen: list[Seen] = []
        joined_later = row.membership == "join"
        # Newest first, so that whether the user joined after an event is known when it is reached.
        for entry, state in zip(reversed(events), reversed(states), strict=True):
            event = entry.event
            before = referred.get(state.get(member, 0))
            setting = referred.get(state.get((HISTORY_VISIBILITY, ""), 0))
            membership = None if before is None else before.event.membership
            own = event.type == "m.room.member" and event.state_key == row.user_id
            if may_see(
                event,
                row.user_id,
                visibility=visibility_of(None if setting is None else setting.event.content),
                membership=membership,
                joined_later=joined_later,
            ):
                seen.append((entry, (event.membership if own else membership) or "leave"))
            joined_later = joined_later or (own and event.membership == "join")
        return seen[::-1]
