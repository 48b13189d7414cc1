"""Background jobs beside the client side of rooms, wired as ``scripts/parts`` wires them."""

import secrets

from homeserver.services.jobs.service import Jobs
from homeserver.store import jobs as stored_jobs
from tests.room_api import RoomAPI, RoomAPICase
from tests.waiting import until


class JobsCase(RoomAPICase):
    """``self.jobs`` are being done from the beginning, until ``stop_jobs``."""

    jobs: Jobs

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.start_jobs()
        self.addCleanup(self.stop_jobs)

    def extend(self, api: RoomAPI) -> None:
        self.jobs = Jobs(self.database, api.clock, secrets.token_hex(4))
        api.rooms.tail.follow(self.jobs.follow)
        self.add_kinds(self.jobs)

    def add_kinds(self, jobs: Jobs) -> None:
        """Called once for each process."""

    async def start_jobs(self) -> None:
        """A process takes up whatever is to be done."""
        await self.jobs.start()

    async def stop_jobs(self) -> None:
        """As when the process ends."""
        await self.jobs.stop()

    async def settle(self) -> None:
        """Nothing is to be done any more."""

        async def is_over() -> bool:
            await self.database.catch_up()
            left = [await self.jobs.page(None, 1, state=each) for each in (stored_jobs.QUEUED, stored_jobs.RUNNING)]
            return left == [[], []] and self.jobs.is_idle

        await until(is_over, "all jobs are over", clock=self.api.clock)
