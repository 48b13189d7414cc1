"""Jobs as administrators see them."""

from typing import Literal, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.store.jobs import StoredJob

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]


@frozen
class ShownJob:
    """A piece of long work, and how far it is."""

    job_id: int
    kind: str
    """``delete_room``, ``purge_history``, ``retention``, ``redact_related``, ``redact_member``, ``upgrade_room`` or
    ``send_notice``."""
    subject: str
    """What it is about: a room ID, or ``everybody``."""
    state: State
    done: int
    """How much of it is done, in whatever it works on: events, members, users."""
    created_ms: int
    total: int | None = None
    """How much there is to do; left out: nobody knows yet."""
    phase: str | None = None
    """What it is at."""
    error: str | None = None
    """Why it failed."""
    result: JSONObject | None = None
    """What came of it."""
    created_by: UserID | None = None
    """Who wanted it; left out: the server itself."""
    started_ms: int | None = None
    finished_ms: int | None = None


def shown_job(job: StoredJob) -> ShownJob:
    """The job for administrators."""
    phase = job.place.get("phase")
    return ShownJob(
        job.nid,
        job.kind,
        job.subject,
        job.state,  # type: ignore[arg-type]
        job.done,
        job.created_ms,
        job.total,
        phase if isinstance(phase, str) and not job.is_over else None,
        job.error,
        job.result,
        job.created_by,
        job.started_ms,
        job.finished_ms,
    )
