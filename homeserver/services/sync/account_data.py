"""
What the user's clients keep here: the account's own, and that of rooms.

Spec: client-server-api#client-config
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import orjson
from attrs import define

from homeserver.core.account_data import PUSH_RULES as PUSH_RULES_TYPE
from homeserver.core.canonical import JSON
from homeserver.core.filters import EVERYTHING, EventFilter
from homeserver.core.identifiers import RoomID
from homeserver.core.log import ACCOUNT_DATA, PUSH_RULES
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan
from homeserver.store import account_data
from homeserver.store.account_data import AccountDatum
from homeserver.store.database import Database


@define(eq=False)
class AccountDataNews:
    """Account data that changed; on a first sync all of it, and of rooms just joined all of theirs."""

    tells_of: ClassVar[LogKinds] = frozenset({ACCOUNT_DATA, PUSH_RULES})

    database: Database
    push_rules: PushRuleBook

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """What changed is in *body*."""
        changed = await self._changed(span)
        if body.newly_joined and span.since is not None:
            everything = await self.database.read(account_data.all_of, span.user_id)
            changed = [*[datum for datum in everything if datum.room_id in body.newly_joined], *changed]
        own = [datum for datum in changed if not datum.room_id]
        events = account_data_events(own, span.filter.account_data)
        if span.changes.touches(PUSH_RULES, span.user_id) and span.filter.account_data.admits_type(PUSH_RULES_TYPE):
            rules = await self.push_rules.ruleset(span.user_id)
            events.append({"type": PUSH_RULES_TYPE, "content": {"global": rules}})
        if events:
            body.top["account_data"] = {"events": events}
            body.has_news = True
        self._write_rooms(span, body, [datum for datum in changed if datum.room_id])

    async def _changed(self, span: SyncSpan) -> Sequence[AccountDatum]:
        if not span.changes.touches(ACCOUNT_DATA, span.user_id):
            return ()
        if span.since is None:
            return await self.database.read(account_data.all_of, span.user_id)
        return await self.database.read(account_data.between, span.user_id, span.since.position, span.upto.position)

    def _write_rooms(self, span: SyncSpan, body: SyncBody, changed: Iterable[AccountDatum]) -> None:
        by_room: dict[RoomID, dict[str, AccountDatum]] = {}
        for datum in changed:
            by_room.setdefault(RoomID(datum.room_id), {})[datum.type] = datum
        admits = span.filter.room
        for room_id, data in by_room.items():
            if not admits.admits_room(room_id) or not admits.account_data.admits_room(room_id):
                continue
            events = account_data_events(data.values(), admits.account_data)
            if not events:
                continue
            if room_id in span.rooms.joined:
                body.joined(room_id)["account_data"] = {"events": events}
            elif room_id in body.leave:
                body.leave[room_id]["account_data"] = {"events": events}


def account_data_events(data: Iterable[AccountDatum], admits: EventFilter = EVERYTHING) -> list[JSON]:
    """The events that clients see the data as."""
    return [
        # A deleted one is empty.  Spec: proposals/3391
        {"type": datum.type, "content": orjson.Fragment(datum.content or b"{}")}  # type: ignore[dict-item]
        for datum in data
        if admits.admits_type(datum.type)
    ]
