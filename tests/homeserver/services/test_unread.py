"""Tests of homeserver.services.unread, .receipts and .unread_keeping."""

import itertools
import random
from unittest.mock import patch

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.push_rules.rules import parse_rule
from homeserver.core.timeline import ordering_at
from homeserver.services import unread, unread_keeping
from homeserver.services.ignored_users import IGNORED_USER_LIST
from homeserver.services.refusals import InvalidParameter, NotFound, NotInRoom
from homeserver.services.room_removal.forgetting import Forgetting
from homeserver.store import unread as stored_unread
from homeserver.store.history_purge import Cut, purge_timeline
from homeserver.store.room_tables import DeletedRoom
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices

ERIN = UserID("@erin:one.example")


@each_database
class UnreadTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE, ERIN)

    async def unread(self, user_id: UserID = ALICE, services: SyncServices | None = None) -> dict[str, tuple[int, int]]:
        """``{thread: (notify, highlight)}`` of the room."""
        services = services or self.services
        row = (await services.memberships.of(user_id)).joined[self.room_id]
        counts = await services.unread.of(row, services.tail.head)
        return {thread: (count.notify, count.highlight) for thread, count in counts.threads.items()}

    async def reply(self, root: EventID, sender: UserID = DAVE, body: str = "reply") -> EventID:
        relation = {"rel_type": "m.thread", "event_id": root}
        return await self.services.say(self.room_id, sender, body, **{"m.relates_to": relation})

    async def silence(self) -> None:
        """The room does not notify."""
        silent = parse_rule("room", self.room_id, {"actions": []})
        await self.services.push_rules.add(ALICE, silent, before=None, after=None)

    async def hear(self) -> None:
        """It does, again."""
        await self.services.push_rules.delete(ALICE, "room", self.room_id)

    async def read(
        self, event_id: EventID, thread_id: str = "", type_: str = "m.read", user_id: UserID = ALICE
    ) -> None:
        await self.services.receipts.advance(user_id, self.room_id, type_, event_id, thread_id)

    async def test_messages_count_until_they_are_read(self) -> None:
        """A message of another counts; a receipt ends that; one behind it does not bring it back."""
        first = await self.services.say(self.room_id, DAVE, "one")
        second = await self.services.say(self.room_id, DAVE, "two")

        self.assertEqual({"main": (2, 0)}, await self.unread())
        await self.read(first)
        self.assertEqual({"main": (1, 0)}, await self.unread())
        await self.read(second)
        self.assertEqual({}, await self.unread())
        await self.read(first)
        self.assertEqual({}, await self.unread())

    async def test_own_events_never_count(self) -> None:
        """Neither what a user says, nor what was said before it."""
        await self.services.say(self.room_id, DAVE, "one")
        self.assertEqual({"main": (1, 0)}, await self.unread())
        await self.services.say(self.room_id, ALICE, "answer")

        self.assertEqual({}, await self.unread())
        self.assertEqual({"main": (1, 0)}, await self.unread(DAVE))

    async def test_a_changed_profile_reads_nothing(self) -> None:
        """A membership event of one's own is no sign of having read."""
        await self.services.say(self.room_id, DAVE, "one")
        content = {"membership": "join", "displayname": "Alice"}
        await self.services.set_state(self.room_id, ALICE, "m.room.member", content, ALICE)

        self.assertEqual({"main": (1, 0)}, await self.unread())

    async def test_a_mention_highlights(self) -> None:
        """By user ID in ``m.mentions``."""
        await self.services.say(self.room_id, DAVE, "hi", **{"m.mentions": {"user_ids": [ALICE]}})

        self.assertEqual({"main": (1, 1)}, await self.unread())
        self.assertEqual({"main": (1, 0)}, await self.unread(ERIN))

    async def test_the_more_advanced_of_both_receipts_counts(self) -> None:
        """A private receipt ahead of the public one clears what it covers; the public one behind it changes nothing."""
        events = [await self.services.say(self.room_id, DAVE, str(n)) for n in range(4)]
        await self.read(events[2], type_="m.read.private")
        self.assertEqual({"main": (1, 0)}, await self.unread())
        await self.read(events[0])

        self.assertEqual({"main": (1, 0)}, await self.unread())

    async def test_threads_count_apart(self) -> None:
        """A receipt in a thread clears that thread alone, one of the main timeline that, and an unthreaded one both."""
        root = await self.services.say(self.room_id, DAVE, "root")
        reply = await self.reply(root)
        last = await self.services.say(self.room_id, DAVE, "main")
        self.assertEqual({"main": (2, 0), root: (1, 0)}, await self.unread())

        await self.read(reply, root)
        self.assertEqual({"main": (2, 0)}, await self.unread())
        await self.reply(root, body="again")
        await self.read(last, "main")
        self.assertEqual({root: (1, 0)}, await self.unread())
        await self.read(await self.services.say(self.room_id, DAVE, "end"))
        self.assertEqual({}, await self.unread())

    async def test_saying_something_in_a_thread_reads_the_thread(self) -> None:
        """What one says is read, and what was said before it in the same thread."""
        root = await self.services.say(self.room_id, DAVE, "root")
        await self.reply(root)
        await self.reply(root, ALICE, "mine")

        self.assertEqual({"main": (1, 0)}, await self.unread())

    async def test_what_relates_to_a_reply_is_in_its_thread(self) -> None:
        """An event that refers to another in a thread is in that thread."""
        root = await self.services.say(self.room_id, DAVE, "root")
        reply = await self.reply(root)
        relation = {"rel_type": "m.reference", "event_id": reply}
        await self.services.say(self.room_id, DAVE, "reference", **{"m.relates_to": relation})

        self.assertEqual({"main": (1, 0), root: (2, 0)}, await self.unread())

    async def test_a_redacted_message_counts_no_more(self) -> None:
        """Also when it was counted already."""
        sent = await self.services.say(self.room_id, DAVE, "oops")
        await self.services.say(self.room_id, DAVE, "good")
        self.assertEqual({"main": (2, 0)}, await self.unread())
        redaction = Draft("m.room.redaction", DAVE, {"redacts": sent}, redacts=sent)
        await self.services.rooms.timeline.send(self.room_id, redaction)

        self.assertEqual({"main": (1, 0)}, await self.unread())

    async def test_only_what_comes_after_joining_counts(self) -> None:
        """A room that is entered is read so far; who leaves and comes back starts anew."""
        frank = UserID("@frank:one.example")
        await self.services.say(self.room_id, DAVE, "before")
        await self.services.join(self.room_id, frank)
        self.assertEqual({}, await self.unread(frank))
        await self.services.say(self.room_id, DAVE, "after")
        self.assertEqual({"main": (1, 0)}, await self.unread(frank))
        await self.services.member(self.room_id, frank, "leave")
        await self.services.say(self.room_id, DAVE, "absent")
        await self.services.join(self.room_id, frank)

        self.assertEqual({}, await self.unread(frank))

    async def test_ignored_users_do_not_count(self) -> None:
        """What a user does not see does not notify them."""
        await self.services.account_data.set(ALICE, None, "m.ignored_user_list", {"ignored_users": {DAVE: {}}})
        await self.services.say(self.room_id, DAVE, "unwanted")

        self.assertEqual({}, await self.unread())

    async def test_what_was_put_down_is_gone_on_from(self) -> None:
        """After a restart the counts are the same, and most events need not be looked at again."""
        root = await self.services.say(self.room_id, DAVE, "root")
        for number in range(120):
            await self.services.say(self.room_id, DAVE, str(number))
        await self.reply(root)
        before = await self.unread()
        await self.services.keeping.write_due()
        row = (await self.services.memberships.of(ALICE)).joined[self.room_id]
        stored = await self.database.read(stored_unread.of_user_in, ALICE, [row.room_nid])

        fresh = SyncServices(self.database)
        after = await self.unread(services=fresh)

        self.assertEqual({"main": (121, 0), root: (1, 0)}, before)
        self.assertEqual(before, after)
        self.assertEqual({("", 121), (root, 1)}, {(count.thread_id, count.notify) for count in stored})

    async def test_who_was_away_for_long_finds_every_mention(self) -> None:
        """All is counted, page by page, up to a bound; what went on being counted has none."""
        await self.services.say(self.room_id, DAVE, "first", **{"m.mentions": {"user_ids": [ALICE]}})
        drafts = [Draft("m.room.message", DAVE, {"msgtype": "m.text", "body": str(n)}) for n in range(199)]
        for start in range(0, len(drafts), 50):
            await self.services.rooms.timeline.send_all(self.room_id, drafts[start : start + 50])
        whole = await self.unread()
        self.patch(unread, "COUNTED_MAX", 120)

        self.assertEqual({"main": (200, 1)}, whole)
        self.assertEqual({"main": (120, 0)}, await self.unread(ERIN))
        await self.services.say(self.room_id, DAVE, "last")
        self.assertEqual({"main": (121, 0)}, await self.unread(ERIN))
        self.assertEqual({"main": (201, 1)}, await self.unread())

    async def test_a_receipt_makes_what_was_put_down_void(self) -> None:
        """After a receipt and a restart nothing is unread."""
        for number in range(120):
            last = await self.services.say(self.room_id, DAVE, str(number))
        await self.unread()
        await self.services.keeping.write_due()
        await self.read(last)

        self.assertEqual({}, await self.unread(services=SyncServices(self.database)))

    async def test_other_rules_are_for_what_comes_after(self) -> None:
        """What is said in a room while it is silenced never counts, and what was said before does; a restart or not."""
        counts = []
        for said in ("one", "two"):
            await self.services.say(self.room_id, DAVE, said)
            for make in (self.silence, self.hear):
                await make()
                counts += [await self.unread(), await self.unread(services=SyncServices(self.database))]
                if make == self.silence:
                    await self.services.say(self.room_id, DAVE, f"not {said}")
                    counts += [await self.unread(), await self.unread(services=SyncServices(self.database))]

        self.assertEqual([{"main": (1, 0)}] * 6 + [{"main": (2, 0)}] * 6, counts)

    async def test_rules_that_have_changed_twice_are_others_though_they_are_the_same(self) -> None:
        """Who asks after both changes does not count what came between."""
        await self.services.say(self.room_id, DAVE, "one")
        before = await self.unread()
        await self.silence()
        await self.services.say(self.room_id, DAVE, "not two")
        await self.hear()
        await self.services.say(self.room_id, DAVE, "three")
        # A client is told of them, and another reader has counted: so all that counting takes is in memory.
        await self.services.push_rules.of(ALICE)
        await self.unread(ERIN)

        self.assertEqual({"main": (1, 0)}, before)
        self.assertEqual({"main": (2, 0)}, await self.unread())

    async def test_who_has_long_been_away_finds_what_the_rules_said_then(self) -> None:
        """Also where so much has come that it is counted page by page, with all that a receipt or redaction undoes."""
        for number in range(2 * unread.PAGE):
            if number == unread.PAGE // 2:
                await self.silence()
            if number == unread.PAGE:
                await self.hear()
            sent = await self.services.say(self.room_id, DAVE, f"{number}")
        whole = await self.unread()
        redaction = Draft("m.room.redaction", DAVE, {"redacts": sent}, redacts=sent)
        await self.services.rooms.timeline.send(self.room_id, redaction)

        self.assertEqual({"main": (unread.PAGE * 3 // 2, 0)}, whole)
        self.assertEqual({"main": (unread.PAGE * 3 // 2 - 1, 0)}, await self.unread())

    async def test_who_is_ignored_counts_no_more(self) -> None:
        """Nor what they said before."""
        await self.services.say(self.room_id, DAVE, "one")
        before = await self.unread()
        await self.services.account_data.set(ALICE, None, IGNORED_USER_LIST, {"ignored_users": {DAVE: {}}})

        self.assertEqual({"main": (1, 0)}, before)
        self.assertEqual({}, await self.unread())

    async def test_what_was_put_down_goes_with_the_rules_it_was_counted_by(self) -> None:
        """Also for who does not look at the room before the server starts again."""
        await self.services.say(self.room_id, DAVE, "one")
        with patch.object(unread_keeping, "WORTH_KEEPING", 1):
            await self.unread()
        self.services.clock.advance(unread_keeping.DELAY_SECONDS)
        await self.services.account_data.set(ALICE, None, IGNORED_USER_LIST, {"ignored_users": {DAVE: {}}})

        self.assertEqual({}, await self.unread(services=SyncServices(self.database)))

    async def test_what_was_purged_counts_no_more(self) -> None:
        """Nor does what was counted of it stay put down."""
        services = self.services
        services.tail.follow(Forgetting(histories=[services.known, services.recent, services.unread]).follow)
        for number in range(3):
            await services.say(self.room_id, DAVE, f"{number}")
        self.assertEqual({"main": (3, 0)}, await self.unread())
        row = (await services.memberships.of(ALICE)).joined[self.room_id]
        room, cut = DeletedRoom(row.room_nid, self.room_id), Cut(before_place=ordering_at(services.tail.head))
        await self.database.write(purge_timeline, room, cut, 0, 100)

        self.assertEqual({"main": (1, 0)}, await self.unread())
        self.assertEqual({"main": (1, 0)}, await self.unread(services=SyncServices(self.database)))

    async def test_counting_step_by_step_is_counting_at_once(self) -> None:
        """However often somebody asked in between, whatever was read and redacted, and by changing rules: the same."""
        for seed in range(3):
            chance = random.Random(seed)
            events: list[EventID] = []
            changes = itertools.cycle((self.silence, self.hear))
            for _ in range(60):
                deed = chance.random()
                if deed < 0.5 or not events:
                    events.append(await self.services.say(self.room_id, DAVE, str(chance.random())))
                elif deed < 0.7:
                    events.append(await self.reply(chance.choice(events), body=str(chance.random())))
                elif deed < 0.8:
                    await self.services.say(self.room_id, ALICE, str(chance.random()))
                elif deed < 0.85:
                    await self.read(chance.choice(events), type_=chance.choice(["m.read", "m.read.private"]))
                elif deed < 0.9:
                    await next(changes)()
                else:
                    sent = chance.choice(events)
                    await self.services.rooms.timeline.send(
                        self.room_id, Draft("m.room.redaction", DAVE, {"redacts": sent}, redacts=sent)
                    )
                if chance.random() < 0.5:
                    await self.unread()

            self.assertEqual(await self.unread(services=SyncServices(self.database)), await self.unread())


@each_database
class ReceiptTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE)
        self.event_id = await self.services.say(self.room_id, DAVE)

    async def test_only_members_have_receipts(self) -> None:
        """A stranger is refused, and so is an event that is not in the room."""
        with self.assertRaises(NotInRoom):
            await self.services.receipts.advance(ERIN, self.room_id, "m.read", self.event_id)
        with self.assertRaises(NotFound):
            await self.services.receipts.advance(ALICE, self.room_id, "m.read", EventID("$unknown"))

    async def test_a_threaded_receipt_is_for_an_event_of_the_thread(self) -> None:
        """An event of the main timeline is in no thread but ``main``, and the root in its own as well."""
        await self.services.receipts.advance(ALICE, self.room_id, "m.read", self.event_id, "main")
        await self.services.receipts.advance(ALICE, self.room_id, "m.read", self.event_id, self.event_id)
        with self.assertRaises(InvalidParameter):
            await self.services.receipts.advance(ALICE, self.room_id, "m.read", self.event_id, "$another")

    async def test_read_markers_move_forward_only(self) -> None:
        """A fully read marker behind the known one changes nothing."""
        later = await self.services.say(self.room_id, DAVE, "later")
        await self.services.read_markers.advance(ALICE, self.room_id, later)
        await self.services.read_markers.advance(ALICE, self.room_id, self.event_id)

        content = await self.services.account_data.content(ALICE, self.room_id, "m.fully_read")

        self.assertIn(later.encode(), content)
