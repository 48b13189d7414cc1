"""Background jobs share what there is of time."""

from typing import cast

from twisted.internet.task import Clock

from homeserver.core.canonical import JSONObject
from homeserver.services.jobs.service import TURN_SECONDS, Jobs
from homeserver.services.jobs.settings import JobSettings
from homeserver.services.jobs.work import Step, Work
from homeserver.store import jobs as stored_jobs
from homeserver.store.jobs import StoredJob
from homeserver.store.write import Write
from tests.databases import DatabaseCase, each_database
from tests.waiting import until

STEPS = 40


class Counting:
    """Jobs of a second or so a step: those of a subject that begins with *short* of one, the others of many."""

    name = "count"

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.seen: list[tuple[str, int]] = []

    async def run(self, work: Work) -> JSONObject:
        self.begun.append(work.job.subject)
        steps = 1 if work.job.subject.startswith("short") else STEPS
        while _number(work) < steps:
            await work.step(self._one, work.job.subject, _number(work))
            await work.sleep(1)
        return {}

    def _one(self, tx: Write, rows: int, subject: str, number: int) -> Step:
        self.seen.append((subject, number))
        return Step(1, place={"number": number + 1})

    def may_cancel(self, job: StoredJob) -> bool:
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """Nothing depends on it."""


@each_database
class TurnTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.clock, self.counting = Clock(), Counting()
        self.jobs = Jobs(self.database, self.clock, "here", JobSettings(at_once=2, rest=0))
        self.jobs.add_kind(self.counting)
        await self.jobs.start()
        self.addCleanup(self.jobs.stop)

    async def over(self, job: StoredJob) -> float:
        """When the job is done."""

        async def is_over() -> bool:
            return (await self.jobs.by_id(job.nid)).state == stored_jobs.DONE

        await until(is_over, f"{job.subject} is done", clock=self.clock, step=0.25)
        return self.clock.seconds()

    async def test_long_jobs_let_others_go_first(self) -> None:
        """Where they have been at work for long enough; they go on where they were, and do nothing twice."""
        long = [await self.jobs.enqueue("count", f"long {number}", {}) for number in range(3)]
        short = await self.jobs.enqueue("count", "short", {})
        short_over = await self.over(short)
        ended = [await self.over(job) for job in long]
        of_each = [[number for subject, number in self.counting.seen if subject == job.subject] for job in long]

        self.assertLess(short_over, min(ended))
        self.assertLess(short_over, 4 * TURN_SECONDS)
        self.assertEqual([list(range(STEPS))] * 3, of_each)

    async def test_who_is_alone_is_not_interrupted(self) -> None:
        """A job that nobody waits for goes on to its end."""
        await self.over(await self.jobs.enqueue("count", "long", {}))

        self.assertEqual(["long"], self.counting.begun)


def _number(work: Work) -> int:
    return cast(int, work.place.get("number", 0))
