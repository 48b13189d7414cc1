"""Long work in the background."""

from attrs import frozen

from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest, page_of
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.rows import Query
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.shown import ShownJob, State, shown_job


@frozen
class JobEndpoints:
    """Long work in the background."""

    jobs: Jobs

    @admin(
        "listJobs",
        "GET",
        "/jobs",
        "jobs list",
        query=(
            *PAGE,
            Query("state", about="Only jobs in this state."),
            Query("subject", about="Only jobs about this."),
        ),
    )
    async def list_jobs(
        self,
        from_: Token = None,
        limit: Limit = LIMIT_DEFAULT,
        state: State | None = None,
        subject: str | None = None,
    ) -> Page[ShownJob]:
        """All jobs, the newest first."""
        key = PageRequest(from_, limit).key(int)
        before = None if key is None else int(key[0])
        found = await self.jobs.page(before, limit + 1, state=state, subject=subject)
        shown = [shown_job(job) for job in found]
        last = (shown[:limit][-1].job_id,) if shown else None
        return page_of(shown, await self.jobs.count(state=state, subject=subject), limit, last)

    @admin("showJob", "GET", "/jobs/{number}", "jobs show")
    async def show_job(self, number: int) -> ShownJob:
        """One job, and how far it is.  Raises NotFound."""
        return shown_job(await self.jobs.by_id(number))

    @admin("cancelJob", "POST", "/jobs/{number}/cancel", "jobs cancel")
    async def cancel_job(self, number: int) -> ShownJob:
        """A job ends where it is, unless what it does cannot be left half done.  Raises NotFound, BadState."""
        return shown_job(await self.jobs.cancel(number))

    @admin("retryJob", "POST", "/jobs/{number}/retry", "jobs retry")
    async def retry_job(self, number: int) -> ShownJob:
        """A job that has failed goes on where it was.  Raises NotFound, BadState."""
        return shown_job(await self.jobs.retry(number))
