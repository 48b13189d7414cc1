"""Mail that nobody waits for: tried until it is sent, and never lost."""

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.letters import Letter
from homeserver.services.mail.outgoing import CLAIM_MS, RETRY_MIN_MS, STOP_SECONDS
from homeserver.services.mail.ports import MailRefused, MailUnavailable
from homeserver.services.mail.post import Post
from homeserver.services.refusals import InvalidParameter, MailNotSent
from homeserver.store import outgoing_mail
from tests.databases import DatabaseCase, each_database
from tests.mail import SETTINGS, Postbox
from tests.mailing import a_post
from tests.waiting import at_rest

ALICE = EmailAddress("alice@two.example")
AWAY = MailUnavailable("nobody answers")


def a_letter(subject: str = "Tea") -> Letter:
    return Letter(ALICE, subject, "text", "<p>html</p>")


@each_database
class OutgoingTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.postbox = Postbox()
        self.post = await self.started()

    async def started(self) -> Post:
        """The queue of a process."""
        post = a_post(self.database, self.clock, self.postbox, evolve(SETTINGS, queue_max=3, give_up_hours=1))
        await post.outgoing.start()
        self.addCleanup(post.outgoing.stop)
        return post

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds // 20)):
            self.clock.advance(20)
            await at_rest()

    async def waiting(self) -> int:
        return await self.database.read(outgoing_mail.count)

    async def test_mail_is_sent(self) -> None:
        """At once, and not again."""
        await self.post.send_later(a_letter())
        await at_rest()
        await self.pass_time(600)

        self.assertEqual([ALICE], [to for to, _ in self.postbox.taken])
        self.assertEqual(0, await self.waiting())

    async def test_what_failed_is_tried_again(self) -> None:
        """As the same message, at growing distances."""
        self.postbox.failure = AWAY
        await self.post.send_later(a_letter())
        await at_rest()
        await self.pass_time(10 * 60)
        tried = self.postbox.tried
        self.postbox.failure = None
        await self.pass_time(20 * 60)

        self.assertEqual(4, tried)
        [(_, message)] = self.postbox.taken
        self.assertEqual("Tea", message["subject"])

    async def test_a_restart_loses_nothing(self) -> None:
        """Nor does a process that died while it was sending: another sends it when the claim has ended."""
        self.postbox.failure = AWAY
        await self.post.send_later(a_letter("one"))
        await at_rest()
        await self.post.outgoing.stop()
        await self.post.send_later(a_letter("two"))
        now = int(self.clock.seconds() * 1000)
        claimed = await self.database.write(outgoing_mail.claim, now, now + CLAIM_MS, 4)
        self.postbox.failure = None
        await self.started()
        await self.pass_time(RETRY_MIN_MS / 1000 + 60)
        before = [message["subject"] for _, message in self.postbox.taken]
        await self.pass_time(CLAIM_MS / 1000)

        self.assertEqual(1, len(claimed))
        self.assertEqual(["one"], before)
        self.assertEqual(["one", "two"], [message["subject"] for _, message in self.postbox.taken])

    async def test_two_processes_send_each_once(self) -> None:
        """Whoever claims a message sends it."""
        other = await self.started()
        await at_rest()
        for number in range(3):
            await self.post.send_later(a_letter(str(number)))
            other.outgoing.wake()
        await at_rest()

        self.assertEqual(["0", "1", "2"], sorted(message["subject"] for _, message in self.postbox.taken))

    async def test_a_refused_message_is_dropped(self) -> None:
        """The others go on."""
        self.postbox.failure = MailRefused("550 nobody")
        await self.post.send_later(a_letter("one"))
        await at_rest()
        self.postbox.failure = None
        await self.post.send_later(a_letter("two"))
        await at_rest()

        self.assertEqual(["two"], [message["subject"] for _, message in self.postbox.taken])
        self.assertEqual(0, await self.waiting())

    async def test_nothing_is_tried_for_ever(self) -> None:
        """After the hours that the settings say it is given up."""
        self.postbox.failure = AWAY
        await self.post.send_later(a_letter())
        await at_rest()
        await self.pass_time(4 * 3600)

        self.assertEqual(0, await self.waiting())

    async def test_the_queue_is_bounded(self) -> None:
        """What comes on top of too much is dropped."""
        self.postbox.failure = AWAY
        for number in range(5):
            await self.post.send_later(a_letter(str(number)))
        await at_rest()

        self.assertEqual(3, await self.waiting())

    async def test_mistakes_of_ours_do_not_stop_it(self) -> None:
        """The message is tried again when its claim has ended."""
        self.postbox.failure = RuntimeError("a mistake")  # type: ignore[assignment]
        await self.post.send_later(a_letter("one"))
        await at_rest()
        self.postbox.failure = None
        await self.pass_time(CLAIM_MS / 1000 + 60)

        self.assertEqual(["one"], [message["subject"] for _, message in self.postbox.taken])

    async def test_a_stop_does_not_wait_for_ever(self) -> None:
        """A mail server that says nothing holds nobody up; the message is sent later."""
        silent = _Silent()
        self.post.outgoing.mailer = silent
        await self.post.send_later(a_letter("one"))
        await silent.asked
        await at_rest()
        stopping = Deferred.fromCoroutine(self.post.outgoing.stop())
        await at_rest()
        self.assertNoResult(stopping)
        self.clock.advance(STOP_SECONDS)
        await stopping

        self.assertEqual(1, await self.waiting())

    async def test_who_waits_hears_of_failures(self) -> None:
        """At once, and nothing is queued."""
        self.postbox.failure = AWAY
        with self.assertRaises(MailNotSent):
            await self.post.send_now(a_letter())
        self.postbox.failure = MailRefused("550 nobody")
        with self.assertRaises(InvalidParameter):
            await self.post.send_now(a_letter())
        self.postbox.failure = None
        await self.post.send_now(a_letter())

        self.assertEqual((1, 0), (self.postbox.count(ALICE), await self.waiting()))


class _Silent:
    """A mail server that never answers."""

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()

    async def send(self, recipient: str, message: bytes) -> None:
        self.asked.callback(None)
        await Deferred()
