"""The server as a whole: what it is, how much there is on it, and what it tells its users."""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.malformed import Malformed
from homeserver.http.admin.rows import admin
from homeserver.services.administration.notices import NoticeRounds
from homeserver.services.administration.statistics import About, Counts, Statistics
from homeserver.services.callers import Caller
from homeserver.services.jobs.shown import ShownJob, shown_job

NOTICE_TYPE: Final = "org.folkmoot.notice"
"""What kind of notice an administrator's words are; the spec names none for them."""


@frozen
class NoticeBody:
    """What users are told."""

    body: str | None = None
    """The text of the notice."""
    content: JSONObject | None = None
    """In the place of the text: the whole content of the message."""


@frozen
class SentNotice:
    """A notice that was sent."""

    event_id: EventID


@frozen
class ServerEndpoints:
    """The server as a whole."""

    statistics: Statistics
    notices: NoticeRounds

    @admin("showVersion", "GET", "/version", "version")
    async def show_version(self) -> About:
        """Which server this is."""
        return self.statistics.about

    @admin("showStatistics", "GET", "/statistics", "statistics")
    async def show_statistics(self) -> Counts:
        """How much there is on this server."""
        return await self.statistics.counts()

    @admin("sendNotice", "POST", "/notices/users/{userId}", "notices send", body=True)
    async def send_notice(self, user_id: UserID, body: NoticeBody) -> SentNotice:
        """One user is told something by the server.  Raises NotFound, BadState, Malformed."""
        return SentNotice(await self.notices.send(user_id, _content(body)))

    @admin("sendNoticeToAll", "POST", "/notices", "notices send-all", body=True)
    async def send_notice_to_all(self, caller: Caller, body: NoticeBody) -> ShownJob:
        """All users are told something by the server, in the background.  Raises BadState, Malformed."""
        return shown_job(await self.notices.send_to_all(_content(body), caller.user_id))

    @admin("showNotices", "GET", "/notices", "notices show")
    async def show_notices(self) -> ShownJob:
        """How far the last notice to all users has come.  Raises NotFound."""
        return shown_job(await self.notices.last_round())


def _content(body: NoticeBody) -> JSONObject:
    if (body.body is None) == (body.content is None):
        raise Malformed("A notice has either a body or a content.", "body", "M_MISSING_PARAM")
    if body.content is not None:
        return body.content
    # Spec: client-server-api#server-notices
    return {"msgtype": "m.server_notice", "server_notice_type": NOTICE_TYPE, "body": body.body}
