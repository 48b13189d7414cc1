"""
What events were before they were redacted is kept for a while, for those who may redact.

Spec: proposals/2815
"""

from typing import Final

from attrs import define, evolve, field, frozen, validators

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.canonical import JSON, load_json
from homeserver.core.hashes import encode_event, is_intact
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.pdu import stored_event
from homeserver.core.power_levels import power_levels_of
from homeserver.core.timeline import TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.housekeeping import Chore
from homeserver.services.known_events import KnownEvents
from homeserver.services.messages import Messages
from homeserver.services.refusals import Forbidden, NotFound, NotInRoom
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.shown_events import ShownEvents
from homeserver.store import redacted_contents, state
from homeserver.store.database import Database
from homeserver.store.write import Write

PRUNED_AT_ONCE: Final = 500
DAY_MS: Final = 86_400_000


@frozen
class ModerationSettings:
    """What those see who look after rooms."""

    redacted_content_days: float = field(default=7.0, validator=validators.ge(0))
    """For so long whoever may redact in a room can see what was redacted there; then it is gone. 0: it goes at once."""

    @property
    def redacted_content_ms(self) -> int:
        """The same in milliseconds."""
        return int(self.redacted_content_days * DAY_MS)


class ContentGone(Exception):
    """What the event was is not here any more."""


class ContentUnseen(Exception):
    """What the event was has never been here: it came redacted."""


@define(eq=False)
class RedactedContents:
    """Keeps them, and shows them.  Implements ``ports.AccountBelongings``."""

    database: Database
    clock: Clock
    known: KnownEvents
    views: RoomViews
    messages: Messages
    shown: ShownEvents
    settings: ModerationSettings

    def keep(self, tx: Write, entry: TimelineEvent) -> None:
        """To be called when the event is about to be redacted."""
        event = entry.event
        # What is not intact came redacted.
        pdu = encode_event(event.pdu, event.version) if is_intact(event) else None
        redacted_contents.insert(tx, entry.nid, event.sender, now_ms(self.clock), pdu)

    def delete_of_account(self, tx: Write, user_id: UserID, *, erase: bool) -> None:
        """Who wants to be forgotten said nothing that anybody could still read."""
        if erase:
            redacted_contents.delete_of_sender(tx, user_id)

    async def show(self, caller: Caller, room_id: RoomID, event_id: EventID) -> JSON:
        """
        The event as it was before it was redacted, if it was.

        Raises NotFound, Forbidden, ContentGone, ContentUnseen.
        """
        try:
            view = await self.views.open(caller, room_id)
        except NotInRoom as refusal:
            raise NotFound("There is no such event, or you may not see it.") from refusal
        entry = await self.messages.visible(view, event_id)
        if not caller.is_admin:
            await self._require_may_redact(view)
        seen = (await self.views.seen(view, [entry]))[0]
        if entry.redacted_by is None and is_intact(entry.event):
            return (await self.shown.timeline(view, [seen]))[0]
        event = stored_event(load_json(await self._content(entry)), entry.event.version, event_id)
        return await self.shown.aside(view, (evolve(entry, event=event), seen[1]))

    async def _content(self, entry: TimelineEvent) -> bytes:
        if entry.redacted_by is None:
            raise ContentUnseen
        kept = await self.database.read(redacted_contents.of_event, entry.nid)
        if kept is None or kept[0] + self.settings.redacted_content_ms <= now_ms(self.clock):
            raise ContentUnseen if kept is not None and kept[1] is None else ContentGone
        if kept[1] is None:
            raise ContentUnseen
        return kept[1]

    async def _require_may_redact(self, view: RoomView) -> None:
        keys = (CREATE, POWER_LEVELS)
        nids = await self.database.read(state.entries_as_of, view.room_nid, keys, view.upto)
        found = await self.known.by_nids(nids.values())
        current = {key: found[nid].event for key, nid in nids.items()}
        levels = power_levels_of(current, next(iter(current.values())).version)
        if not view.is_joined or levels.of(view.user_id) < levels.named("redact"):
            raise Forbidden("Only those who may redact here see what was redacted.")


def forget_redacted_contents(settings: ModerationSettings) -> Chore:
    """What was redacted long ago is gone."""

    def chore(tx: Write, now: int) -> bool:
        return redacted_contents.prune(tx, now - settings.redacted_content_ms, PRUNED_AT_ONCE) == PRUNED_AT_ONCE

    return chore
