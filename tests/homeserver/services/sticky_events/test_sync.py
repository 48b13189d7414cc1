"""Tests of homeserver/services/sticky_events: clients are told of sticky events, whatever the timeline shows."""

from typing import Any, cast

from homeserver.core.drafts import Draft
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.timeline import Status
from homeserver.services.live_rooms import LiveRoom
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.refusals import TooSoon
from homeserver.services.sticky_events.section import SECTION, TIME_LEFT
from homeserver.services.sticky_events.settings import StickyEventSettings
from tests.databases import DatabaseCase, each_database
from tests.sticky import HOUR_MS, Sticky, shown, told
from tests.syncing import SyncServices

ALICE, DAVE = UserID("@alice:one.example"), UserID("@dave:one.example")
BRIEF = {"room": {"timeline": {"limit": 1}}}


class StickyCase(DatabaseCase):
    """@alice has a room, which @dave is not in."""

    limits = StickyEventSettings(per_sender_max=5, told_at_once_max=3)

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.sticky = Sticky(self.services, self.limits)
        await self.sticky.events.start()
        self.addCleanup(self.sticky.events.stop)
        self.room_id: RoomID = await self.services.new_room(ALICE, preset="public_chat")

    async def sync(self, user_id: UserID, since: str | None = None, **more: Any) -> Any:
        return await self.services.sync(user_id, since, filter=BRIEF, **more)


@each_database
class TellingTests(StickyCase):
    async def test_a_gap_hides_nothing_that_is_sticky(self) -> None:
        """Once, in its order, and not what the timeline shows; and never again."""
        since = (await self.sync(ALICE))["next_batch"]
        await self.sticky.send(self.room_id, ALICE, "one")
        await self.sticky.send(self.room_id, ALICE, "two")
        await self.sticky.send(self.room_id, ALICE, "three")
        answer = await self.sync(ALICE, since)
        again = await self.sync(ALICE, answer["next_batch"])

        self.assertEqual((["one", "two"], ["three"]), (told(answer, self.room_id), shown(answer, self.room_id)))
        self.assertEqual(([], []), (told(again, self.room_id), shown(again, self.room_id)))

    async def test_what_the_filter_hides_is_told(self) -> None:
        """The filter is for the timeline alone."""
        since = (await self.sync(ALICE))["next_batch"]
        await self.sticky.send(self.room_id, ALICE, "one")
        hidden = {"room": {"timeline": {"not_types": ["m.rtc.member"]}}}
        answer = await self.services.sync(ALICE, since, filter=hidden)

        self.assertEqual((["one"], []), (told(answer, self.room_id), shown(answer, self.room_id)))

    async def test_who_comes_is_told_what_is_sticky_still(self) -> None:
        """Also of what was sent before, though the history is not theirs to see."""
        await self.services.set_state(
            self.room_id, ALICE, "m.room.history_visibility", {"history_visibility": "joined"}
        )
        await self.sticky.send(self.room_id, ALICE, "over", 1_000)
        await self.sticky.send(self.room_id, ALICE, "still")
        since = (await self.sync(DAVE))["next_batch"]
        self.services.clock.advance(1)
        await self.services.join(self.room_id, DAVE)
        later, first = await self.sync(DAVE, since), await self.sync(DAVE)

        self.assertEqual((["still"], ["still"]), (told(later, self.room_id), told(first, self.room_id)))

    async def test_the_time_that_is_left_is_told(self) -> None:
        """Beside the timeline and in it."""
        since = (await self.sync(ALICE))["next_batch"]
        for body in ("one", "two"):
            await self.sticky.send(self.room_id, ALICE, body, 10_000)
        self.services.clock.advance(4)
        room = (await self.sync(ALICE, since))["rooms"]["join"][self.room_id]
        events = [*room[SECTION]["events"], *room["timeline"]["events"]]

        self.assertEqual([6_000, 6_000], [event["unsigned"][TIME_LEFT] for event in events])
        self.assertEqual([{"duration_ms": 10_000}] * 2, [event["msc4354_sticky"] for event in events])

    async def test_what_ended_is_told_no_more(self) -> None:
        """Nor kept."""
        since = (await self.sync(ALICE))["next_batch"]
        await self.sticky.send(self.room_id, ALICE, "one", 10_000)
        await self.services.say(self.room_id, ALICE)
        self.services.clock.advance(10)
        await self.sticky.events.release()
        answer = await self.sync(ALICE, since)

        self.assertEqual([], told(answer, self.room_id))
        self.assertEqual(0, await self.database.read(_rows))

    async def test_what_is_redacted_is_told_no_more(self) -> None:
        """A redacted sticky event is an ordinary one."""
        since = (await self.sync(ALICE))["next_batch"]
        event_id = await self.sticky.send(self.room_id, ALICE, "one")
        redaction = Draft("m.room.redaction", ALICE, {}, redacts=event_id)
        await self.services.rooms.timeline.send(self.room_id, redaction)
        answer = await self.sync(ALICE, since)

        self.assertEqual([], told(answer, self.room_id))

    async def test_the_ignored_are_not_told_of(self) -> None:
        """As in the timeline."""
        await self.services.join(self.room_id, DAVE)
        since = (await self.sync(ALICE))["next_batch"]
        await self.services.account_data.set(ALICE, None, "m.ignored_user_list", {"ignored_users": {DAVE: {}}})
        await self.sticky.send(self.room_id, DAVE, "one")
        await self.services.say(self.room_id, ALICE)
        answer = await self.sync(ALICE, since)

        self.assertEqual([], told(answer, self.room_id))

    async def test_a_waiting_client_hears_of_them(self) -> None:
        """At once."""
        since = (await self.sync(ALICE))["next_batch"]
        waiting = self.services.start(ALICE, since, filter=BRIEF, timeout_ms=10_000)
        await self.sticky.send(self.room_id, ALICE, "one")
        await self.services.turn()
        answer = await waiting

        self.assertEqual(["one"], shown(answer, self.room_id) + told(answer, self.room_id))

    async def test_a_restart_forgets_none(self) -> None:
        """What is in the database is told by whoever reads it."""
        since = (await self.sync(ALICE))["next_batch"]
        await self.sticky.send(self.room_id, ALICE, "one")
        await self.services.say(self.room_id, ALICE)
        anew = SyncServices(self.database)
        anew.clock.advance(self.services.clock.seconds() - anew.clock.seconds())
        sticky = Sticky(anew, self.limits)
        await sticky.events.start()
        self.addCleanup(sticky.events.stop)

        self.assertEqual(["one"], told(await anew.sync(ALICE, since, filter=BRIEF), self.room_id))


@each_database
class LimitTests(StickyCase):
    async def test_too_many_come_one_answer_after_the_other(self) -> None:
        """None is lost and none comes twice, though the token goes on; none is waited for."""
        await self.services.join(self.room_id, DAVE)
        since = (await self.sync(ALICE))["next_batch"]
        for number in range(8):
            await self.sticky.send(self.room_id, DAVE if number % 2 else ALICE, str(number))
        await self.services.say(self.room_id, ALICE, "last")
        answers = []
        for _ in range(4):
            answers.append(await self.sync(ALICE, since))
            since = answers[-1]["next_batch"]

        self.assertEqual([["0", "1", "2"], ["3", "4", "5"], ["6", "7"], []], [told(a, self.room_id) for a in answers])

    async def test_a_first_answer_owes_too(self) -> None:
        """A client that knows nothing yet gets all of it."""
        for number in range(5):
            await self.sticky.send(self.room_id, ALICE, str(number))
        await self.services.say(self.room_id, ALICE, "last")
        first = await self.sync(ALICE)
        second = await self.sync(ALICE, first["next_batch"], timeout_ms=10_000)

        self.assertEqual([["0", "1", "2"], ["3", "4"]], [told(first, self.room_id), told(second, self.room_id)])

    async def test_one_user_has_only_so_many(self) -> None:
        """Until the first of them ends; the refused event is not in the room, and ordinary ones are let in."""
        for number in range(5):
            await self.sticky.send(self.room_id, ALICE, str(number), 10_000)
        self.services.clock.advance(4)
        with self.assertRaises(TooSoon) as refused:
            await self.sticky.send(self.room_id, ALICE, "more")
        await self.services.say(self.room_id, ALICE)
        self.services.clock.advance(6)
        await self.sticky.send(self.room_id, ALICE, "later")

        self.assertEqual(6_000, refused.exception.retry_after_ms)

    async def test_nothing_is_sticky_for_no_time(self) -> None:
        """A duration of 0 is valid, and over at once."""
        await self.sticky.send(self.room_id, ALICE, "one", 0)

        self.assertEqual(0, await self.database.read(_rows))


@each_database
class SoftFailureTests(StickyCase):
    async def test_it_is_judged_again_when_its_sender_comes(self) -> None:
        """Then everybody is told of it, as of what has come just now; and before that nobody."""
        room = await self._room_of_dave()
        remote = await self._remote_event(room, "in vain")
        since = (await self.sync(ALICE))["next_batch"]
        status = await self.services.rooms.acceptance.accept(remote)
        silent = await self.sync(ALICE, since)
        await self._dave_comes_back()
        answer = await self.sync(ALICE, silent["next_batch"])
        entry = await self.services.known.by_id(remote.event_id)
        assert entry is not None

        self.assertEqual(Status.SOFT_FAILED, status)
        self.assertEqual(([], []), (told(silent, self.room_id), shown(silent, self.room_id)))
        self.assertEqual(([], ["in vain"]), (told(answer, self.room_id), shown(answer, self.room_id)))
        self.assertIs(Status.ACCEPTED, entry.status)

    async def test_it_may_still_be_refused(self) -> None:
        """By the room's policy server, which has no need to say so twice."""
        self.sticky.events.recommendations = cast(Recommendations, Refusing())
        room = await self._room_of_dave()
        remote = await self._remote_event(room, "in vain")
        since = (await self.sync(ALICE))["next_batch"]
        await self.services.rooms.acceptance.accept(remote)
        await self._dave_comes_back()
        answer = await self.sync(ALICE, since)

        self.assertEqual(([], []), (told(answer, self.room_id), shown(answer, self.room_id)))

    async def _room_of_dave(self) -> LiveRoom:
        await self.services.join(self.room_id, DAVE)
        return await self.services.rooms.live_rooms.load(self.room_id)

    async def _dave_comes_back(self) -> None:
        """And what is to be judged again is."""
        await self.services.join(self.room_id, DAVE)
        while self.sticky.events._running:
            await next(iter(self.sticky.events._running))

    async def _remote_event(self, room: Any, body: str) -> Any:
        """An event that @dave sent before he was kicked, and that comes after it."""
        draft = Draft("m.rtc.member", DAVE, {"body": body}, fields={"sticky": {"duration_ms": HOUR_MS}})
        event = await self.services.rooms.timeline.composer.compose(room, draft)
        await self.services.member(self.room_id, DAVE, "leave", ALICE)
        return event


class Refusing:
    """A policy server that signs nothing."""

    async def admit(self, room: LiveRoom, event: Event) -> bool:
        return False


def _rows(tx: Any) -> int:
    from sqlalchemy import func, select

    from homeserver.store.schema.sticky_events import sticky_events

    return int(tx.execute(select(func.count()).select_from(sticky_events)).scalar())
