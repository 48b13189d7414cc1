"""What users reported."""

from typing import Literal, TypeAlias

from attrs import frozen

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.replies import Empty
from homeserver.http.rows import Query
from homeserver.services.administration.reports import ReportDetails, ReportQuery, Reports, ShownReport

Kind: TypeAlias = Literal["event", "room", "user"]


@frozen
class AdminReportEndpoints:
    """What users reported."""

    reports: Reports

    @admin(
        "listReports",
        "GET",
        "/reports",
        "reports list",
        query=(
            *PAGE,
            Query("kind", about="Only reports of these."),
            Query("reporter", about="Only what this user reported."),
            Query("room_id", about="Only reports of this room, and of events in it."),
        ),
    )
    async def list_reports(
        self,
        from_: Token = None,
        limit: Limit = LIMIT_DEFAULT,
        kind: Kind | None = None,
        reporter: UserID | None = None,
        room_id: RoomID | None = None,
    ) -> Page[ShownReport]:
        """All reports, the newest first."""
        query = ReportQuery(kind or "", reporter or "", room_id or "")
        return await self.reports.page(query, PageRequest(from_, limit))

    @admin("showReport", "GET", "/reports/{number}", "reports show")
    async def show_report(self, number: int) -> ReportDetails:
        """One report, with the event that it is about.  Raises NotFound."""
        return await self.reports.details(number)

    @admin("deleteReport", "DELETE", "/reports/{number}", "reports delete")
    async def delete_report(self, number: int) -> Empty:
        """A report is done with, and gone.  Raises NotFound."""
        await self.reports.delete(number)
        return Empty()
