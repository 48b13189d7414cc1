"""Tests of homeserver/services/sticky_events/service.py: what soft-failed is let in once, whoever judges it again."""

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import UserID
from homeserver.services.sticky_events.settings import StickyEventSettings
from tests.databases import DatabaseCase, each_database
from tests.sticky import HOUR_MS, Sticky
from tests.syncing import SyncServices

ALICE, DAVE = UserID("@alice:one.example"), UserID("@dave:one.example")


@each_database
class JudgingTests(DatabaseCase):
    async def test_two_who_judge_at_once_let_it_in_once(self) -> None:
        """It keeps its place in the timeline, also where its sender has so many that it is told of later."""
        services = SyncServices(self.database)
        sticky = Sticky(services, StickyEventSettings(per_sender_max=1, told_at_once_max=3))
        room_id = await services.new_room(ALICE, preset="public_chat")
        await services.join(room_id, DAVE)
        await sticky.send(room_id, DAVE, "told")
        room: Any = await services.rooms.live_rooms.load(room_id)
        draft = Draft("m.rtc.member", DAVE, {"body": "late"}, fields={"sticky": {"duration_ms": HOUR_MS}})
        late = await services.rooms.timeline.composer.compose(room, draft)
        await services.member(room_id, DAVE, "leave", ALICE)
        await services.rooms.acceptance.accept(late)
        await services.join(room_id, DAVE)
        entry = await services.known.by_id(late.event_id)
        assert entry is not None
        nid, places = entry.nid, list[Any]()
        services.tail.follow(lambda entries: places.extend(each for each in entries if each.ref == nid))
        judging = [Deferred.fromCoroutine(sticky.events.judge_again(DAVE)) for _ in range(2)]
        await gatherResults(judging)

        self.assertEqual(1, len(places))
