"""
What users report to those who run the server.

Spec: client-server-api#reporting-content
"""

from attrs import define

from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.messages import Messages
from homeserver.services.refusals import NotFound, NotInRoom
from homeserver.services.room_views import RoomViews
from homeserver.store import reports, rooms, users
from homeserver.store.database import Database
from homeserver.store.reports import Report


@define(eq=False)
class Reporting:
    """Keeps reports for the administrators."""

    server: ServerName
    clock: Clock
    database: Database
    views: RoomViews
    messages: Messages

    async def report_room(self, caller: Caller, room_id: RoomID, reason: str) -> None:
        """The room is reported, whether or not the caller is in it.  Raises NotFound."""
        if await self.database.read(rooms.by_id, room_id) is None:
            raise NotFound("There is no such room.")
        await self._keep(caller, "room", room_id, room_id, reason)

    async def report_event(
        self, caller: Caller, room_id: RoomID, event_id: EventID, reason: str | None, score: int | None
    ) -> None:
        """The event is reported.  Raises NotFound, also for who is not in the room."""
        try:
            view = await self.views.joined(caller, room_id)
        except NotInRoom as refusal:
            raise NotFound("There is no such event, or you are not in its room.") from refusal
        await self.messages.visible(view, event_id)
        await self._keep(caller, "event", event_id, room_id, reason, score)

    async def report_user(self, caller: Caller, user_id: UserID, reason: str) -> None:
        """The user is reported.  Raises NotFound; of users of other servers nothing is known."""
        if server_of(user_id) == self.server and await self.database.read(users.by_id, user_id) is None:
            raise NotFound("There is no such user.")
        await self._keep(caller, "user", user_id, None, reason)

    async def _keep(
        self,
        caller: Caller,
        kind: str,
        subject: str,
        room_id: RoomID | None,
        reason: str | None,
        score: int | None = None,
    ) -> None:
        report = Report(caller.user_id, kind, subject, room_id, reason, score, now_ms(self.clock))
        await self.database.write(reports.insert, report)
