"""
Reports to the administrators.

Spec: client-server-api#reporting-content
"""

from attrs import frozen

from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.malformed import Malformed
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.reporting import Reporting

REASON_LENGTH_MAX = 10_000


@frozen
class ReasonBody:
    """Why; may be blank."""

    reason: str


@frozen
class EventReportBody:
    """Why, and until v1.17 of the specification how bad it is, from -100 (worst) to 0."""

    reason: str | None = None
    score: int | None = None


@frozen
class ReportEndpoints:
    """What users find inappropriate."""

    reporting: Reporting

    @operation("reportRoom")
    async def report_room(self, caller: Caller, room_id: RoomID, body: ReasonBody) -> Empty:
        """The room is reported.  Raises NotFound."""
        await self.reporting.report_room(caller, room_id, _short(body.reason))
        return Empty()

    @operation("reportEvent")
    async def report_event(self, caller: Caller, room_id: RoomID, event_id: EventID, body: EventReportBody) -> Empty:
        """The event is reported.  Raises NotFound."""
        reason = None if body.reason is None else _short(body.reason)
        await self.reporting.report_event(caller, room_id, event_id, reason, body.score)
        return Empty()

    @operation("reportUser")
    async def report_user(self, caller: Caller, user_id: UserID, body: ReasonBody) -> Empty:
        """The user is reported.  Raises NotFound."""
        await self.reporting.report_user(caller, user_id, _short(body.reason))
        return Empty()


def _short(reason: str) -> str:
    if len(reason) > REASON_LENGTH_MAX:
        raise Malformed("This reason is too long.", "reason", "M_TOO_LARGE")
    return reason
