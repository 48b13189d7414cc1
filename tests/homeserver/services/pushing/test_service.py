"""Tests of homeserver/services/pushing: who is told what, and that nothing is lost."""

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import MEMBERSHIP
from homeserver.core.push_rules.rules import parse_rule
from homeserver.core.pushers import PusherName
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.outliers import room_for, store_outliers
from homeserver.store import memberships
from homeserver.store.write import Write
from tests.builders import ALICE, BOB, DAVE, a_room
from tests.databases import each_database
from tests.pushing import ERIN, GATEWAY, PushCase
from tests.waiting import at_rest


class Chosen:
    """The threads that everybody has subscribed to."""

    threads: frozenset[str] = frozenset()

    async def of(self, user_id: UserID, room_nid: int) -> frozenset[str]:
        return self.threads


@each_database
class PushingTests(PushCase):
    async def test_a_message_is_pushed(self) -> None:
        """With all that the specification names, to whom it concerns alone."""
        event_id = await self.say("hello")

        self.assertEqual([GATEWAY], [url for url, _ in self.gateway.told])
        notice = self.gateway.notices[0]
        self.assertEqual(
            {
                "event_id": event_id,
                "room_id": self.room_id,
                "type": "m.room.message",
                "sender": DAVE,
                "room_name": "Tea",
                "prio": "low",
                "content": {"msgtype": "m.text", "body": "hello"},
                "counts": {"unread": 1},
                "devices": [
                    {
                        "app_id": "org.example.app",
                        "pushkey": "key",
                        "pushkey_ts": notice["devices"][0]["pushkey_ts"],
                        "data": {},
                    }
                ],
            },
            notice,
        )

    async def test_a_room_without_a_name(self) -> None:
        """Is called as clients call it, by its other members; one with an alias, by that."""
        room_id = await self.sync.new_room(DAVE, preset="public_chat")
        await self.sync.join(room_id, ALICE, ERIN)
        named = {"membership": "join", "displayname": "Dave"}
        await self.sync.set_state(room_id, DAVE, "m.room.member", named, DAVE)
        await self.sync.say(room_id, DAVE, "hi")
        await at_rest()
        unnamed = self.gateway.notices[-1]
        await self.sync.set_state(room_id, DAVE, "m.room.canonical_alias", {"alias": "#tea:one.example"})
        await self.sync.say(room_id, DAVE, "hi again")
        await at_rest()
        notice = self.gateway.notices[-1]

        self.assertEqual(f"Dave, {ERIN}", unnamed["room_name"])
        self.assertNotIn("room_alias", unnamed)
        self.assertEqual("#tea:one.example", notice["room_alias"])
        self.assertNotIn("room_name", notice)

    async def test_threads_of_the_users_choice(self) -> None:
        """Of other threads nothing is pushed, to a user who chooses."""
        root = await self.say("what do you think")
        self.push.owners.subscribed = chosen_threads = Chosen()
        thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
        await self.sync.say(self.room_id, DAVE, "I think that", **thread)
        await at_rest()
        chosen_threads.threads = frozenset({root})
        chosen = await self.sync.say(self.room_id, DAVE, "and that", **thread)
        await at_rest()

        self.assertEqual([root, chosen], self.gateway.events)

    async def test_what_sounds_is_urgent(self) -> None:
        """A mention has tweaks and a high priority; the sender's name is told."""
        await self.sync.set_state(
            self.room_id, DAVE, "m.room.member", {"membership": "join", "displayname": "Dave"}, DAVE
        )
        await self.sync.say(self.room_id, DAVE, "hi", **{"m.mentions": {"user_ids": [ALICE]}})
        await at_rest()
        notice = self.gateway.notices[-1]

        self.assertEqual(("high", "Dave"), (notice["prio"], notice["sender_display_name"]))
        self.assertEqual({"sound": "default", "highlight": True}, notice["devices"][0]["tweaks"])

    async def test_gateways_that_are_to_know_no_more_than_the_event(self) -> None:
        """Neither sender nor content; what else the client put into the data, but for the URL."""
        await self.push.set_pusher(ALICE, format="event_id_only", custom=[1])
        event_id = await self.say()
        notice = self.gateway.notices[-1]

        self.assertEqual({"event_id", "room_id", "prio", "counts", "devices"}, set(notice))
        self.assertEqual(event_id, notice["event_id"])
        self.assertEqual({"format": "event_id_only", "custom": [1]}, notice["devices"][0]["data"])

    async def test_what_concerns_nobody(self) -> None:
        """One's own messages, those of ignored users, what no rule matches, and what others read."""
        await self.say(sender=ALICE)
        await self.sync.account_data.set(ALICE, None, "m.ignored_user_list", {"ignored_users": {ERIN: {}}})
        await self.say(sender=ERIN)
        await self.sync.rooms.timeline.send(self.room_id, Draft("org.example.custom", DAVE, {}))
        rule = parse_rule("room", self.room_id, {"actions": []})
        await self.sync.push_rules.add(ALICE, rule, before=None, after=None)
        event_id = await self.say()
        await self.sync.receipts.advance(DAVE, self.room_id, "m.read", event_id)
        await at_rest()

        self.assertEqual([], self.gateway.notices)

    async def test_reading_clears_the_badge(self) -> None:
        """Without an event, once for each new count."""
        await self.say("one")
        event_id = await self.say("two")
        await self.sync.receipts.advance(ALICE, self.room_id, "m.read", event_id)
        await at_rest()
        await self.sync.receipts.advance(ALICE, self.room_id, "m.read.private", event_id)
        await at_rest()

        self.assertEqual(
            [{"unread": 1}, {"unread": 2}, {"unread": 0}], [each["counts"] for each in self.gateway.notices]
        )
        self.assertNotIn("event_id", self.gateway.notices[-1])

    async def test_answering_clears_the_badge(self) -> None:
        """Who says something has read what was said."""
        await self.say()
        await self.say(sender=ALICE)

        self.assertEqual([{"unread": 1}, {"unread": 0}], [each["counts"] for each in self.gateway.notices])

    async def test_the_badge_counts_all_rooms(self) -> None:
        """What is unread in the others is in it."""
        other = await self.sync.new_room(DAVE, preset="public_chat")
        await self.sync.join(other, ALICE)
        await self.sync.say(other, DAVE, "there")
        await at_rest()
        await self.say("here")

        self.assertEqual([1, 2], [each["counts"]["unread"] for each in self.gateway.notices])

    async def test_invites_are_pushed(self) -> None:
        """To the invited, who is the target."""
        other = await self.sync.new_room(DAVE, name="Secret")
        invite = await self.sync.member(other, ALICE, "invite", DAVE)
        await at_rest()
        notice = self.gateway.notices[0]

        self.assertEqual((invite, True, "Secret"), (notice["event_id"], notice["user_is_target"], notice["room_name"]))
        self.assertEqual("invite", notice["content"]["membership"])

    async def test_invites_to_rooms_elsewhere_are_pushed(self) -> None:
        """Of the room is told what the invite showed of it."""
        room = a_room("11", creator=BOB)
        invite = room.membership(ALICE, "invite", by=BOB)
        shown: list[JSONObject] = [
            {"type": "m.room.name", "state_key": "", "sender": BOB, "content": {"name": "Far away"}},
            {"type": "m.room.member", "state_key": BOB, "sender": BOB, "content": {"displayname": "Bob"}},
        ]

        def keep(tx: Write) -> None:
            nid = room_for(tx, invite.room_id, invite.version)
            entry = TimelineEvent(invite, 0, None, Status.OUTLIER)
            store_outliers(tx, nid, [entry])
            memberships.replace(
                tx,
                user_id=ALICE,
                room_nid=nid,
                membership="invite",
                position=tx.log(MEMBERSHIP, ALICE, nid),
                event_nid=entry.nid,
                sender=BOB,
                stripped_state=shown,
            )

        await self.database.write(keep)
        await at_rest()
        notice = self.gateway.notices[0]

        self.assertEqual(
            (invite.event_id, "high", True), (notice["event_id"], notice["prio"], notice["user_is_target"])
        )
        self.assertEqual(("Far away", "Bob"), (notice["room_name"], notice["sender_display_name"]))

    async def test_many_are_told(self) -> None:
        """Each once, over as many turns as that takes."""
        users = [UserID(f"@user{number}:one.example") for number in range(25)]
        await self.sync.join(self.room_id, *users)
        for user_id in users:
            await self.push.set_pusher(user_id, f"key of {user_id}")
        await self.say()
        await self.pass_time(1)
        keys = [notice["devices"][0]["pushkey"] for notice in self.gateway.notices if "event_id" in notice]

        self.assertEqual(sorted(["key", *(f"key of {user_id}" for user_id in users)]), sorted(keys))

    async def test_pushers_end(self) -> None:
        """When their user or the gateway says so, or their device goes."""
        await self.say("one")
        self.gateway.rejected = ["key"]
        await self.say("two")
        self.assertEqual([], await self.push.pushers.of(ALICE))
        await self.say("three")
        self.assertEqual(2, self.gateway.tried)
        self.gateway.rejected = []

        await self.push.set_pusher(ALICE)
        await self.database.write(lambda tx: DeviceErasure().erase(tx, ALICE, [DeviceID("PHONE")]))
        await self.say("four")
        # A device that is not there has nothing to go with it.
        self.assertEqual(3, self.gateway.tried)

    async def test_redacted_while_it_waited(self) -> None:
        """Nothing is told of it."""
        self.gateway.fails = 1
        event_id = await self.say()
        await self.sync.rooms.timeline.send(
            self.room_id, Draft("m.room.redaction", DAVE, {"redacts": event_id}, redacts=event_id)
        )
        await self.pass_time(5)

        self.assertEqual([], self.gateway.events)

    async def test_read_while_it_waited(self) -> None:
        """Nobody is alerted to what they have read."""
        self.gateway.fails = 1
        event_id = await self.say()
        await self.sync.receipts.advance(ALICE, self.room_id, "m.read", event_id)
        await self.pass_time(5)

        self.assertEqual([], self.gateway.events)

    async def test_nobody_with_pushers_costs_nothing(self) -> None:
        """As long as nobody has one, nothing of the log is looked at."""
        await self.push.pushers.change(Caller(ALICE, DeviceID("PHONE")), PusherName("org.example.app", "key"))
        await at_rest()
        before = self.push.dues.reached
        with_nothing = self.push.dues.entries
        asked: list[object] = []

        async def entries(after: object, upto: object) -> object:
            asked.append((after, upto))
            return await with_nothing(after, upto)  # type: ignore[arg-type]

        self.patch(type(self.push.dues), "entries", lambda _, after, upto: entries(after, upto))
        await self.say()

        self.assertEqual([], asked)
        self.assertGreater(self.push.dues.reached, before)


class TooManyUsersTests(PushingTests):
    """The same where more users have pushers than are kept in memory."""

    users_max = 0

    async def test_nobody_with_pushers_costs_nothing(self) -> None:
        """That is another matter here."""
