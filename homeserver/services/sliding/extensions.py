"""
What may be asked for beside rooms: one extension each.  Higher packages and other proposals add their own.

Spec: proposals/4186
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from attrs import define, field, frozen

from homeserver.core.account_data import PUSH_RULES as PUSH_RULES_TYPE
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.log import ACCOUNT_DATA, PUSH_RULES, RECEIPT, Position
from homeserver.core.receipts import UNTHREADED, Receipt, receipt_events
from homeserver.core.timeline import Ordering
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.receipts import receipt_of
from homeserver.services.sync.account_data import account_data_events
from homeserver.services.sync.ephemeral import PRIVATE, typing_event, unignored
from homeserver.services.sync.section import SyncSpan
from homeserver.services.typing import Typing
from homeserver.store import account_data, receipts
from homeserver.store.account_data import AccountDatum
from homeserver.store.database import Database
from homeserver.store.receipts import StoredReceipt


@frozen(eq=False)
class ExtensionSpan:
    """
    What an extension is asked: what is new in *span*, as the client wishes in *wishes*.

    *rooms*: those that the client knows and its user is in.  *new_rooms*: those of them of which it has nothing yet,
    with the place of the first event that it is shown.  *is_new*: the extension was off before.
    """

    span: SyncSpan
    wishes: JSONObject
    rooms: Collection[RoomID]
    new_rooms: Mapping[RoomID, Ordering | None]
    is_new: bool

    @property
    def after(self) -> Position:
        """Up to here the client has everything of its rooms."""
        return Position(0) if self.is_new else self.span.after


@define(eq=False)
class ExtensionAnswer:
    """What an extension says; None: nothing, and it is left out.  *has_news*: a client that waits is answered."""

    content: JSONObject | None = None
    has_news: bool = field(default=False)


class SlidingExtension(Protocol):
    """One kind of news, under its *name*."""

    @property
    def name(self) -> str:
        """As clients ask for it."""

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """What is new.  Raises Malformed where the wishes cannot be read."""


@define(eq=False)
class AccountDataExtension:
    """Account data that changed; of new rooms all there is."""

    database: Database
    push_rules: PushRuleBook
    name: str = "account_data"

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """What changed."""
        span = ask.span
        changed = await self._changed(ask)
        own = account_data_events(datum for datum in changed if not datum.room_id)
        if ask.is_new or span.changes.touches(PUSH_RULES, span.user_id):
            rules = await self.push_rules.ruleset(span.user_id)
            own.append({"type": PUSH_RULES_TYPE, "content": {"global": rules}})
        by_room: dict[RoomID, dict[str, AccountDatum]] = {}
        for datum in changed:
            room_id = RoomID(datum.room_id)
            if room_id and (room_id in ask.rooms or room_id in ask.new_rooms):
                by_room.setdefault(room_id, {})[datum.type] = datum
        rooms: JSONObject = {room_id: account_data_events(data.values()) for room_id, data in by_room.items()}
        if not own and not rooms:
            return ExtensionAnswer()
        return ExtensionAnswer({"global": own, "rooms": rooms}, has_news=True)

    async def _changed(self, ask: ExtensionSpan) -> list[AccountDatum]:
        span = ask.span
        if ask.is_new:
            return await self.database.read(account_data.all_of, span.user_id)
        changed: list[AccountDatum] = []
        if ask.new_rooms:
            changed = await self.database.read(account_data.of_rooms, span.user_id, list(ask.new_rooms))
        if span.changes.touches(ACCOUNT_DATA, span.user_id):
            changed += await self.database.read(account_data.between, span.user_id, span.after, span.upto.position)
        return changed


@define(eq=False)
class TypingExtension:
    """Who is typing."""

    typing: Typing
    serial: EphemeralSerial
    name: str = "typing"

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """Where somebody started or stopped."""
        since = ask.span.since
        is_known = not ask.is_new and since is not None and self.serial.knows(since.serial)
        after = since.serial if since is not None and is_known else 0
        rooms: JSONObject = {}
        for room_id in self.typing.changed_since(after):
            users = unignored(self.typing.in_room(room_id), ask.span.ignored)
            if (users or is_known) and (room_id in ask.rooms or room_id in ask.new_rooms):
                rooms[room_id] = typing_event(users)
        for room_id in ask.new_rooms:
            users = unignored(self.typing.in_room(room_id), ask.span.ignored)
            if users:
                rooms[room_id] = typing_event(users)
        return ExtensionAnswer({"rooms": rooms}, has_news=True) if rooms else ExtensionAnswer()


@define(eq=False)
class ReceiptsExtension:
    """Who has read up to where; of new rooms the user's own, and those in the events that are shown."""

    database: Database
    name: str = "receipts"

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """What moved."""
        span = ask.span
        joined, touched = span.rooms.joined, span.changes.of_kind(RECEIPT)
        known = ask.rooms if touched is None or ask.is_new else [RoomID(each) for each in touched if each in ask.rooms]
        nids = [joined[room_id].room_nid for room_id in known if room_id in joined and room_id not in ask.new_rooms]
        found = await self._read(nids, ask.after, span.upto.position)
        new = {joined[room_id].room_nid: first for room_id, first in ask.new_rooms.items() if room_id in joined}
        for stored in await self._read(list(new), Position(0), span.upto.position):
            first = new[stored.room_nid]
            place = stored.event_ordering
            if stored.user_id == span.user_id or (first is not None and place is not None and place >= first):
                found.append(stored)
        by_room: dict[RoomID, list[Receipt]] = {}
        for stored in found:
            # Spec: client-server-api#private-read-receipts
            if (stored.type != PRIVATE or stored.user_id == span.user_id) and stored.user_id not in span.ignored:
                by_room.setdefault(stored.room_id, []).append(receipt_of(stored))
        rooms: JSONObject = {room_id: _one_event(of_room) for room_id, of_room in by_room.items()}
        return ExtensionAnswer({"rooms": rooms}, has_news=True) if rooms else ExtensionAnswer()

    async def _read(self, nids: Collection[int], after: Position, upto: Position) -> list[StoredReceipt]:
        return await self.database.read(receipts.between, nids, after, upto) if nids and after < upto else []


def _one_event(moved: Collection[Receipt]) -> JSON:
    """
    There is place for one event a room, and in it for one receipt of a user and event: what is read everywhere is read
    in each thread, and so comes before it.
    """
    return receipt_events(sorted(moved, key=lambda receipt: receipt.thread_id != UNTHREADED))[0]
