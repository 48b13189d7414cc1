"""Sliding sync put together for tests, wired as its proposal's module wires it, on the services of classic sync."""

from collections.abc import Sequence
from typing import Any

import orjson
from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, RoomID, UserID
from homeserver.core.sliding.requests import parse_sliding_request
from homeserver.services.callers import Caller
from homeserver.services.sliding.bumps import Bumps
from homeserver.services.sliding.entries import Entries
from homeserver.services.sliding.extensions import (
    AccountDataExtension,
    ReceiptsExtension,
    SlidingExtension,
    TypingExtension,
)
from homeserver.services.sliding.links import Links
from homeserver.services.sliding.required_states import RequiredStates
from homeserver.services.sliding.room_filtering import RoomFiltering
from homeserver.services.sliding.room_orders import RoomOrders
from homeserver.services.sliding.service import SlidingSync
from homeserver.services.sliding.settings import SlidingSettings
from homeserver.services.sync.log_spans import LogSpans
from tests.syncing import PHONE, SyncServices

LIST: dict[str, Any] = {"timeline_limit": 10, "required_state": []}
"""A list of all rooms."""


class SlidingServices:
    """Sliding sync on *sync*; made again, it is that of the next process."""

    def __init__(
        self,
        sync: SyncServices,
        settings: SlidingSettings = SlidingSettings(),  # noqa: B008
        extensions: Sequence[SlidingExtension] = (),
    ) -> None:
        self.sync_services = sync
        database, known, tail = sync.database, sync.known, sync.tail
        spans = LogSpans(tail, 20_000)
        self.bumps = bumps = Bumps(database, known)
        tail.follow(bumps.follow)
        self.orders = RoomOrders(database, tail, sync.memberships, sync.moves, spans)
        self.links = Links(database, sync.clock, settings)
        entries = Entries(
            database,
            # Nobody moves the other clock on in the midst of an answer.
            reactor,
            known,
            sync.recent,
            sync.timelines,
            RequiredStates(database, known, sync.client_events, sync.sent),
            sync.summaries,
            sync.unread,
            bumps,
            500,
        )
        self.service = SlidingSync(
            database,
            sync.clock,
            tail,
            sync.serial,
            sync.memberships,
            sync.wakeups,
            sync.ignored,
            sync.presence,
            self.orders,
            RoomFiltering(database, known, sync.ignored, sync.permissions),
            self.links,
            entries,
            sync.sent,
            spans,
            [
                AccountDataExtension(database, sync.push_rules),
                ReceiptsExtension(database),
                TypingExtension(sync.typing, sync.serial),
                *extensions,
            ],
            300,
        )

    def start(self, user_id: UserID, body: JSONObject, device: DeviceID = PHONE) -> "Deferred[Any]":
        """A sync that may wait."""
        return ensureDeferred(self._answer(user_id, body, device))

    async def _answer(self, user_id: UserID, body: JSONObject, device: DeviceID) -> Any:
        request = parse_sliding_request(body, {}, user_id)
        return orjson.loads(orjson.dumps(await self.service.answer(Caller(user_id, device), request)))


@define(eq=False)
class SlidingClient:
    """A client that asks again and again on one connection, and remembers what it saw, as the proposal tells."""

    services: SlidingServices
    user_id: UserID
    lists: dict[str, Any] = field(factory=lambda: {"all": LIST})
    subscriptions: dict[str, Any] = field(factory=dict)
    extensions: dict[str, Any] = field(factory=dict)
    conn_id: str = "main"
    device: DeviceID = PHONE
    pos: str | None = None
    timelines: dict[RoomID, list[str]] = field(factory=dict)
    """Without gaps."""
    states: dict[RoomID, dict[tuple[str, str], Any]] = field(factory=dict)
    rooms: dict[RoomID, dict[str, Any]] = field(factory=dict)
    """The other members of each room."""

    @property
    def body(self) -> JSONObject:
        """What it asks."""
        body: dict[str, Any] = {
            "conn_id": self.conn_id,
            "lists": self.lists,
            "room_subscriptions": self.subscriptions,
            "extensions": self.extensions,
        }
        return body if self.pos is None else {**body, "pos": self.pos}

    async def sync(self, **more: Any) -> Any:
        """One more answer, taken in."""
        answer = await self.services.start(self.user_id, {**self.body, **more}, self.device)
        self.take(answer)
        return answer

    async def peek(self, **more: Any) -> Any:
        """An answer that never arrives."""
        return await self.services.start(self.user_id, {**self.body, **more}, self.device)

    def wait(self, timeout: int = 30_000) -> "Deferred[Any]":
        """An answer that is waited for."""
        return self.services.start(self.user_id, {**self.body, "timeout": timeout}, self.device)

    def take(self, answer: Any) -> None:
        """What *answer* says is known."""
        self.pos = answer["pos"]
        for room_id, room in answer["rooms"].items():
            self._take_room(room_id, room)

    def _take_room(self, room_id: RoomID, room: Any) -> None:
        if room.get("initial"):
            for known in (self.timelines, self.states, self.rooms):
                known.pop(room_id, None)
        state = self.states.setdefault(room_id, {})
        for event in room.get("required_state", []):
            if "content" in event:
                state[event["type"], event["state_key"]] = event
            else:
                del state[event["type"], event["state_key"]]
        events = [event["event_id"] for event in room.get("timeline", [])]
        timeline = self.timelines.setdefault(room_id, [])
        if room.get("limited") or room.get("expanded_timeline"):
            timeline.clear()
        for event_id in events:
            assert event_id not in timeline, f"{event_id} came twice"
            timeline.append(event_id)
        whole = self.rooms.setdefault(room_id, {})
        whole.update({name: value for name, value in room.items() if name not in {"timeline", "required_state"}})
