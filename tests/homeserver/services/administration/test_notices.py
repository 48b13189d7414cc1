"""Tests of homeserver/services/administration/notices.py."""

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, UserID
from homeserver.services.administration.notices import NoticeRounds
from homeserver.services.jobs.service import Jobs
from homeserver.services.refusals import BadState, NotFound
from homeserver.store.users import NewAccount, insert_new
from tests.accounts import HERE, Accounts
from tests.databases import DatabaseCase, each_database
from tests.waiting import until

CONTENT: JSONObject = {"msgtype": "m.text", "body": "The server moves tonight."}
PEOPLE = [UserID(f"@{name}:{HERE}") for name in ("ann", "ben", "cyd", "dan")]
ROOT = UserID(f"@root:{HERE}")


@define
class Reluctant:
    """Tells everybody but the one it is stuck at."""

    user_id: UserID = UserID(f"@notices:{HERE}")
    stuck_at: UserID | None = None
    sent: list[UserID] = field(factory=list)

    async def send(self, user_id: UserID, content: JSONObject) -> EventID:
        if user_id == self.stuck_at:
            await Deferred()
        assert content == CONTENT
        self.sent.append(user_id)
        return EventID(f"${len(self.sent)}")


@each_database
class NoticeRoundTests(DatabaseCase):
    """A notice to everybody."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.clock = Accounts(self.database).clock
        self.notices = Reluctant()
        for user_id in PEOPLE:
            await self.database.write(insert_new, NewAccount(user_id, "hash", 0))
        # Who speaks, who belongs to a bridge, and guests are told nothing.
        await self.database.write(insert_new, NewAccount(self.notices.user_id, None, 0))
        await self.database.write(insert_new, NewAccount(UserID(f"@bot:{HERE}"), None, 0, appservice_id="bridge"))
        await self.database.write(insert_new, NewAccount(UserID(f"@5:{HERE}"), None, 0, is_guest=True))
        self.jobs, self.rounds = self.process("one")

    def process(self, holder: str) -> tuple[Jobs, NoticeRounds]:
        jobs = Jobs(self.database, self.clock, holder)
        rounds = NoticeRounds(self.database, self.notices, jobs)
        jobs.add_kind(rounds)
        return jobs, rounds

    async def until(self, condition: Any) -> None:
        async def holds() -> Any:
            return condition(await self.rounds.last_round())

        await until(holds, "the round comes so far", clock=self.clock, step=0.1)

    async def test_a_round_outlives_its_process(self) -> None:
        """Whoever was told is not told again, and everybody else is told by the next process."""
        self.notices.stuck_at = PEOPLE[2]
        await self.rounds.send_to_all(CONTENT, ROOT)
        await self.jobs.start()
        await self.until(lambda _: self.notices.sent == PEOPLE[:2])
        await self.jobs.stop()
        self.assertEqual("queued", (await self.rounds.last_round()).state)
        self.notices.stuck_at = None
        jobs, _ = self.process("another")
        await jobs.start()
        await self.until(lambda job: job.is_over)
        await jobs.stop()

        self.assertEqual(PEOPLE, self.notices.sent)
        job = await self.rounds.last_round()
        self.assertEqual(({"sent": 4, "failed": 0}, 6, 6), (job.result, job.done, job.total))

    async def test_a_round_can_be_ended(self) -> None:
        """Whoever was not told by then is not; then another notice may go round."""
        self.notices.stuck_at = PEOPLE[1]
        job = await self.rounds.send_to_all(CONTENT, ROOT)
        with self.assertRaises(BadState):
            await self.rounds.send_to_all({**CONTENT, "body": "something else"}, ROOT)
        await self.jobs.cancel(job.nid)
        await self.jobs.start()
        await self.until(lambda job: job.state == "cancelled")
        await self.jobs.stop()

        self.assertEqual([], self.notices.sent)
        self.assertNotEqual(job.nid, (await self.rounds.send_to_all(CONTENT, ROOT)).nid)

    async def test_there_may_have_been_none(self) -> None:
        """That is said."""
        with self.assertRaises(NotFound):
            await self.rounds.last_round()
