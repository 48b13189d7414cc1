"""
Notices to one user, or to all.

Spec: client-server-api#server-notices
"""

from typing import Final, Protocol

import structlog
from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred

from homeserver.core.account_queries import AccountQuery
from homeserver.core.canonical import JSONObject, encode_json
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.malformed import Malformed
from homeserver.services.refusals import BadState, Refusal
from homeserver.store import account_lists
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure

log = structlog.get_logger(__name__)

READ_AT_ONCE: Final = 200
CONTENT_BYTES_MAX: Final = 32_768


class Notices(Protocol):
    """What tells one user something."""

    @property
    def user_id(self) -> UserID:
        """The account that speaks, and is told nothing."""

    async def send(self, user_id: UserID, content: JSONObject) -> EventID:
        """The user is told.  Raises Refusal, Malformed."""


@frozen
class Round:
    """How far a notice to everybody has come."""

    running: bool
    sent: int
    """Users who were told."""
    failed: int
    """Users who could not be told; the log says why."""
    total: int
    """Users who are to be told."""


@define
class _Going:
    total: int
    sent: int = 0
    failed: int = 0
    task: "Deferred[None] | None" = None


@define(eq=False)
class NoticeRounds:
    """
    Notices to one user, and to all: one such round at a time, told to living accounts that people log in to.

    A round ends with the process: whoever was not told by then is not.
    """

    database: Database
    notices: Notices
    _going: _Going | None = field(init=False, default=None)

    async def send(self, user_id: UserID, content: JSONObject) -> EventID:
        """The user is told.  Raises NotFound, Malformed, BadState."""
        _check(content)
        return await self.notices.send(user_id, content)

    async def send_to_all(self, content: JSONObject) -> Round:
        """Everybody is being told.  Raises BadState while another round is under way; Malformed."""
        _check(content)
        if self._going is not None and self._going.task is not None:
            raise BadState("Another notice to everybody is still under way.")
        going = self._going = _Going(0)
        going.total = await self.database.scan(account_lists.count, _PEOPLE)
        going.task = Deferred.fromCoroutine(self._tell_all(going, content))
        return self.round

    @property
    def round(self) -> Round:
        """The round that is under way, or the last."""
        going = self._going or _Going(0)
        return Round(going.task is not None, going.sent, going.failed, going.total)

    async def stop(self) -> None:
        """Nobody is being told anything."""
        if self._going is not None and self._going.task is not None:
            self._going.task.cancel()

    async def _tell_all(self, going: _Going, content: JSONObject) -> None:
        after: tuple[str, str] | None = None
        try:
            while True:
                rows = await self.database.scan(account_lists.page, _PEOPLE, after, READ_AT_ONCE)
                for outline, _ in rows:
                    if outline.appservice_id is None and outline.user_id != self.notices.user_id:
                        await self._tell(going, outline.user_id, content)
                    else:
                        going.total -= 1
                if len(rows) < READ_AT_ONCE:
                    return
                after = (rows[-1][0].user_id, rows[-1][0].user_id)
        except (CancelledError, DatabaseFailure) as error:
            log.warning("a notice did not reach everybody", sent=going.sent, total=going.total, reason=str(error))
        finally:
            going.task = None

    async def _tell(self, going: _Going, user_id: UserID, content: JSONObject) -> None:
        try:
            await self.notices.send(user_id, content)
        except (Refusal, Malformed) as refusal:
            going.failed += 1
            log.warning("a notice was not sent", user=user_id, reason=str(refusal))
        else:
            going.sent += 1


_PEOPLE: Final = AccountQuery(is_guest=False, deactivated=False)


def _check(content: JSONObject) -> None:
    if not isinstance(content.get("msgtype"), str) or not isinstance(content.get("body"), str):
        raise Malformed("A notice is the content of a message: it has a msgtype and a body.", "content")
    if len(encode_json(content)) > CONTENT_BYTES_MAX:
        raise Malformed(f"A notice has at most {CONTENT_BYTES_MAX} bytes.", "content", "M_TOO_LARGE")
