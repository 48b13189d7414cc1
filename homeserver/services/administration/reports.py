"""
What users reported, for those who look into it.

Spec: client-server-api#reporting-content
"""

from attrs import define, frozen

from homeserver.core.canonical import INTEGER_MAX, JSONObject
from homeserver.core.client_events import client_form
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.pages import Page, PageRequest, page_of
from homeserver.services.known_events import KnownEvents
from homeserver.services.refusals import NotFound
from homeserver.store import reports
from homeserver.store.database import Database
from homeserver.store.reports import Report


@frozen
class ShownReport:
    """A report."""

    number: int
    reporter: UserID
    subject_kind: str
    """``event``, ``room`` or ``user``."""
    subject: str
    """The ID of what was reported."""
    received_ms: int
    room_id: RoomID | None = None
    reason: str | None = None
    score: int | None = None
    """From -100 (most offensive) to 0; older clients give one."""


@frozen
class ReportDetails:
    """A report with what it is about."""

    report: ShownReport
    event: JSONObject | None = None
    """The reported event as clients see it, if it is still here."""


@frozen
class ReportQuery:
    """Which reports are wanted; empty: all."""

    kind: str = ""
    reporter: str = ""
    room_id: str = ""


@define(eq=False)
class Reports:
    """All reports."""

    database: Database
    known: KnownEvents

    async def page(self, query: ReportQuery, wanted: PageRequest) -> Page[ShownReport]:
        """Reports, the newest first.  Raises Malformed."""
        key = wanted.key(int)
        before = INTEGER_MAX if key is None else int(key[0])
        chosen = {"kind": query.kind, "reporter": query.reporter, "room_id": query.room_id}
        found = await self.database.scan(reports.latest, before, wanted.limit + 1, **chosen)
        total = await self.database.scan(reports.count, **chosen)
        shown = [_shown(number, report) for number, report in found.items()]
        last = (shown[: wanted.limit][-1].number,) if shown else None
        return page_of(shown, total, wanted.limit, last)

    async def details(self, number: int) -> ReportDetails:
        """One report, with the event it is about.  Raises NotFound."""
        report = await self.database.read(reports.by_number, number)
        if report is None:
            raise NotFound("There is no such report.")
        event: JSONObject | None = None
        if report.subject_kind == "event":
            entry = await self.known.by_id(EventID(report.subject))
            if entry is not None:
                event = client_form(entry.event)
        return ReportDetails(_shown(number, report), event)

    async def delete(self, number: int) -> None:
        """The report is gone.  Raises NotFound."""
        if not await self.database.write(reports.delete_report, number):
            raise NotFound("There is no such report.")


def _shown(number: int, report: Report) -> ShownReport:
    return ShownReport(
        number=number,
        reporter=report.reporter,
        subject_kind=report.subject_kind,
        subject=report.subject,
        received_ms=report.received_ms,
        room_id=report.room_id,
        reason=report.reason,
        score=report.score,
    )
