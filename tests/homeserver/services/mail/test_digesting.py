"""Users are told by mail what they have not read: not too soon, not too often, and not twice."""

from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from attrs import evolve

from homeserver.core.identifiers import UserID
from homeserver.core.pushers import EMAIL_APP_ID
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.refusals import AddressNotFound, WrongToken
from homeserver.services.third_party_ids import _remove
from homeserver.store import digests, pushers
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase, each_database
from tests.mail import SETTINGS, Postbox, body_of
from tests.mailing import PHONE, MailServices, give_address
from tests.pushing import PushServices
from tests.syncing import SyncServices
from tests.waiting import at_rest

ADDRESS = "alice@two.example"
ERIN = UserID("@erin:one.example")
WAIT = 10 * 60


@each_database
class DigestTests(DatabaseCase):
    """Alice and Dave are in a room; Alice gets mail."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.postbox = Postbox()
        self.push = PushServices(self.database)
        self.mail = MailServices(self.push, self.postbox)
        self.sync = self.push.sync
        self.room_id = await self.sync.new_room(ALICE, preset="public_chat", name="Tea <&> Cake")
        await self.sync.join(self.room_id, DAVE)
        await give_address(self.database, ALICE, ADDRESS)
        await self.start(self.mail)
        await self.mail.set_pusher(ALICE, "Alice@Two.Example")
        await at_rest()

    async def start(self, mail: MailServices) -> None:
        await mail.push.pushing.start()
        self.addCleanup(mail.push.pushing.stop)
        await mail.start()
        self.addCleanup(mail.stop)

    async def pass_time(self, seconds: float, mail: MailServices | None = None) -> None:
        mail = mail or self.mail
        for _ in range(int(seconds // 15)):
            mail.push.clock.advance(15)
            await at_rest()

    async def say(self, body: str, room_id: object = None) -> None:
        await self.sync.say(room_id or self.room_id, DAVE, body)  # type: ignore[arg-type]
        await at_rest()

    @property
    def count(self) -> int:
        return len(self.postbox.taken)

    async def test_a_mail_tells_what_is_unread(self) -> None:
        """All that came in ten minutes, in text and HTML, with the room and the sender; markup is but text."""
        await self.say("one <b>")
        await self.pass_time(WAIT - 60)
        await self.say("two")
        before = self.count
        await self.pass_time(120)
        message = self.postbox.newest(ADDRESS)
        await self.pass_time(4 * WAIT)

        self.assertEqual((0, 1), (before, self.count))
        self.assertEqual("Unread in Tea <&> Cake (Folkmoot)", message["subject"])
        text, html = body_of(message), body_of(message, "html")
        self.assertIn(f"{DAVE}: one <b>\n  {DAVE}: two\n", text)
        self.assertIn("one &lt;b&gt;", html)
        self.assertIn("Tea &lt;&amp;&gt; Cake", html)
        self.assertNotIn("<b>\n", html)
        self.assertIn("https://matrix.to/#/!", text)

    async def test_what_was_read_meanwhile_is_not_told(self) -> None:
        """Then there is no mail at all."""
        event_id = await self.sync.say(self.room_id, DAVE, "apples")
        await at_rest()
        await self.pass_time(WAIT / 2)
        await self.sync.receipts.advance(ALICE, self.room_id, "m.read", event_id)
        await self.pass_time(2 * WAIT)

        self.assertEqual(0, self.count)
        await self.say("pears")
        await self.pass_time(WAIT + 60)
        self.assertNotIn("apples", body_of(self.postbox.newest(ADDRESS)))

    async def test_who_reads_nothing_is_written_to_less(self) -> None:
        """The distance between mails grows; who reads is told as soon as before."""
        sent_at: list[int] = []
        for minute in range(100):
            event_id = await self.sync.say(self.room_id, DAVE, str(minute))
            if len(sent_at) == 4 and minute == sent_at[3] + 2:
                await self.sync.receipts.advance(ALICE, self.room_id, "m.read", event_id)
            await at_rest()
            await self.pass_time(60)
            if self.count > len(sent_at):
                sent_at.append(minute)

        distances = [later - earlier for earlier, later in pairwise(sent_at)]
        self.assertEqual([10, 20, 40], [round(each, -1) for each in distances[:3]])
        self.assertIn(distances[3], range(11, 16))

    async def test_nothing_is_told_twice(self) -> None:
        """Not even when the server stops, and another process goes on."""
        await self.say("apples")
        await self.pass_time(WAIT / 2)
        await self.mail.stop()
        await self.push.pushing.stop()
        sync = SyncServices(self.database)
        sync.clock.advance(self.push.clock.seconds() - sync.clock.seconds())
        mail = MailServices(PushServices(self.database, sync=sync), self.postbox)
        await self.start(mail)
        await at_rest()
        await self.pass_time(WAIT / 2 + 60, mail)
        first = self.count
        await sync.say(self.room_id, DAVE, "pears")
        await at_rest()
        await self.pass_time(3 * WAIT, mail)

        self.assertEqual((1, 2), (first, self.count))
        texts = [body_of(message) for _, message in self.postbox.taken]
        self.assertEqual([(True, False), (False, True)], [("apples" in text, "pears" in text) for text in texts])

    async def test_rooms_are_told_apart(self) -> None:
        """The one where something was said last comes first; of many messages the last ones are shown."""
        other = await self.sync.new_room(ALICE, preset="public_chat")
        await self.sync.join(other, DAVE)
        await self.say("first", other)
        for number in range(9):
            await self.say(f"number {number}")
        await self.pass_time(WAIT + 60)
        message = self.postbox.newest(ADDRESS)
        text = body_of(message)

        self.assertEqual("Unread in 2 rooms (Folkmoot)", message["subject"])
        self.assertLess(text.index("Tea <&> Cake"), text.index("first"))
        self.assertIn("(3 earlier)", text)
        self.assertNotIn("number 2", text)
        self.assertIn("number 8", text)

    async def test_invites_are_told(self) -> None:
        """By whom and to what, once, until they are answered; markup is but text."""
        garden = await self.sync.new_room(DAVE, name="Garden <script>")
        await self.sync.member(garden, ALICE, "invite", sender=DAVE)
        await at_rest()
        await self.pass_time(WAIT + 60)
        message = self.postbox.newest(ADDRESS)
        await self.pass_time(4 * WAIT)

        self.assertEqual(1, self.count)
        self.assertEqual(f"{DAVE} invited you (Folkmoot)", message["subject"])
        text, html = body_of(message), body_of(message, "html")
        self.assertIn(f"{DAVE} invited you to Garden <script>:\nhttps://matrix.to/#/!", text)
        self.assertIn("Garden &lt;script&gt;", html)
        await self.say("hello")
        await self.pass_time(3 * WAIT)
        later = self.postbox.newest(ADDRESS)
        self.assertEqual("Unread in Tea <&> Cake (Folkmoot)", later["subject"])
        self.assertNotIn("Garden", body_of(later))

    async def test_an_invite_that_was_answered_is_not_told(self) -> None:
        """Who is in the room knows of it."""
        garden = await self.sync.new_room(DAVE)
        await self.sync.member(garden, ALICE, "invite", sender=DAVE)
        await at_rest()
        await self.sync.join(garden, ALICE)
        await at_rest()
        await self.pass_time(3 * WAIT)

        self.assertEqual(0, self.count)

    async def test_what_is_said_may_be_left_out(self) -> None:
        """Where the settings say so, as with what is encrypted."""
        settings = evolve(SETTINGS, digests_include_content=False, client_url="https://chat.example/")
        self.mail.digesting.contents.settings = settings
        await self.say("a secret")
        await self.pass_time(WAIT + 60)
        message = self.postbox.newest(ADDRESS)

        self.assertNotIn("secret", body_of(message) + body_of(message, "html"))
        self.assertIn("https://chat.example/#/room/!", body_of(message))

    async def test_one_click_ends_it(self) -> None:
        """By the head that readers of mail know; a made-up link ends nothing."""
        await self.say("one")
        await self.pass_time(WAIT + 60)
        message = self.postbox.newest(ADDRESS)
        self.assertEqual("List-Unsubscribe=One-Click", message["list-unsubscribe-post"])
        query = parse_qs(urlsplit(message["list-unsubscribe"].strip("<>")).query)
        user_id, pushkey, token = query["user_id"][0], query["address"][0], query["token"][0]
        with self.assertRaises(WrongToken):
            await self.mail.digesting.end(ERIN, pushkey, token)
        await self.mail.digesting.end(UserID(user_id), pushkey, token)
        await at_rest()
        await self.say("two")
        await self.pass_time(6 * WAIT)

        self.assertEqual(1, self.count)
        self.assertEqual([], await self.database.read(pushers.of_user, ALICE))

    async def test_a_pusher_that_ends_takes_its_mail_along(self) -> None:
        """What was due is not sent."""
        await self.say("one")
        await self.mail.end_pusher(ALICE, "Alice@Two.Example")
        await self.pass_time(2 * WAIT)

        self.assertEqual(0, self.count)
        self.assertIsNone(await self.database.read(digests.by_key, ALICE, EMAIL_APP_ID, "Alice@Two.Example"))

    async def test_an_address_that_goes_takes_its_mail_along(self) -> None:
        """Whose it is then gets nothing of Alice's."""
        await self.say("one")
        await self.database.write(_remove, ALICE, "email", ADDRESS)
        await self.pass_time(2 * WAIT)

        self.assertEqual(0, self.count)
        self.assertEqual([], await self.database.read(pushers.of_user, ALICE))

    async def test_mail_goes_to_ones_own_address_alone(self) -> None:
        """Nobody has others written to."""
        with self.assertRaises(AddressNotFound):
            await self.mail.set_pusher(DAVE, ADDRESS)
        with self.assertRaises(AddressNotFound):
            await self.mail.set_pusher(ALICE, "other@two.example")

    async def test_an_address_outlives_the_device(self) -> None:
        """Logging out of the device where mail was asked for does not end it."""
        await self.database.write(DeviceErasure().erase, ALICE, (PHONE,))
        await self.say("one")
        await self.pass_time(WAIT + 60)

        self.assertEqual(1, self.count)

    async def test_mail_and_gateways_do_not_hinder_each_other(self) -> None:
        """A user may have both."""
        await self.push.set_pusher(ALICE)
        await at_rest()
        await self.say("one")
        await self.pass_time(WAIT + 60)

        self.assertEqual((1, 1), (self.count, len(self.push.gateway.events)))
