"""Sticky events in syncs, wired as ``scripts/proposals`` wires them, on the services of a sync."""

from typing import Any

from attrs import define, field

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.sticky import sticky_field
from homeserver.services.sticky_events.section import SECTION, StickyNews
from homeserver.services.sticky_events.service import StickyEvents
from homeserver.services.sticky_events.settings import StickyEventSettings
from tests.rooms import SERVER
from tests.syncing import SyncServices

HOUR_MS = 3_600_000


@define(eq=False)
class Sticky:
    """What keeps sticky events, and tells of them; to be started and stopped."""

    services: SyncServices
    settings: StickyEventSettings = StickyEventSettings()
    events: StickyEvents = field(init=False)
    news: StickyNews = field(init=False)

    def __attrs_post_init__(self) -> None:
        services, rooms = self.services, self.services.rooms
        self.events = StickyEvents(
            SERVER,
            services.database,
            services.clock,
            services.known,
            rooms.live_rooms,
            services.wakeups,
            self.settings,
        )
        self.news = StickyNews(services.database, services.known, services.client_events, self.events)
        services.tail.follow(self.events.follow)
        rooms.timeline.companions.append(self.events)
        rooms.acceptance.companions.append(self.events)
        sync: Any = services.sync_service
        sync.sections.insert(-1, self.news)
        sync.unsigned.append(self.news)

    async def send(self, room_id: RoomID, sender: UserID, body: str, duration_ms: int = HOUR_MS) -> EventID:
        """A sticky event is in the room."""
        draft = Draft("m.rtc.member", sender, {"body": body}, fields=sticky_field(duration_ms))
        return await self.services.rooms.timeline.send(room_id, draft)


def told(answer: Any, room_id: RoomID) -> list[str]:
    """The sticky events beside the timeline."""
    room = answer.get("rooms", {}).get("join", {}).get(room_id, {})
    return [event["content"]["body"] for event in room.get(SECTION, {}).get("events", ())]


def shown(answer: Any, room_id: RoomID) -> list[str]:
    """Those in the timeline."""
    room = answer.get("rooms", {}).get("join", {}).get(room_id, {"timeline": {"events": ()}})
    return [event["content"]["body"] for event in room["timeline"]["events"] if event["type"] == "m.rtc.member"]
