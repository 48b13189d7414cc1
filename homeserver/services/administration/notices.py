"""
Notices to one user, or to all.

Spec: client-server-api#server-notices
"""

from typing import Final, Protocol

import structlog
from attrs import define, field

from homeserver.core.account_queries import AccountOutline, AccountQuery
from homeserver.core.canonical import JSONObject, encode_json
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.malformed import Malformed
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.work import Step, Work
from homeserver.services.refusals import BadState, NotFound, Refusal
from homeserver.store import account_lists
from homeserver.store.database import Database
from homeserver.store.jobs import StoredJob
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

NAME: Final = "send_notice"
EVERYBODY: Final = "everybody"
"""The subject of such jobs."""
READ_AT_ONCE: Final = 200
CONTENT_BYTES_MAX: Final = 32_768
_PEOPLE: Final = AccountQuery(is_guest=False, deactivated=False)


class Notices(Protocol):
    """What tells one user something."""

    @property
    def user_id(self) -> UserID:
        """The account that speaks, and is told nothing."""

    async def send(self, user_id: UserID, content: JSONObject) -> EventID:
        """The user is told.  Raises Refusal, Malformed."""


@define(eq=False)
class NoticeRounds:
    """
    Notices to one user, and to all: one such round at a time, told to living accounts that people log in to.

    A round is a job, so that it outlives the process; who is being told when the process goes may be told twice.
    Implements ``jobs.service.JobKind``.
    """

    database: Database
    notices: Notices
    jobs: Jobs
    name: str = field(init=False, default=NAME)

    async def send(self, user_id: UserID, content: JSONObject) -> EventID:
        """The user is told.  Raises NotFound, Malformed, BadState."""
        _check(content)
        return await self.notices.send(user_id, content)

    async def send_to_all(self, content: JSONObject, by: UserID) -> StoredJob:
        """
        Everybody is being told; the same notice once more, while it is, changes nothing.

        Raises BadState while another notice is under way; Malformed.
        """
        _check(content)
        job = await self.jobs.enqueue(NAME, EVERYBODY, {"content": content}, by)
        if job.parameters["content"] != content:
            raise BadState("Another notice to everybody is still under way.")
        return job

    async def last_round(self) -> StoredJob:
        """The round that is under way, or was the last.  Raises NotFound."""
        found = await self.jobs.page(None, 1, subject=EVERYBODY)
        if not found:
            raise NotFound("Nothing was told to everybody lately.")
        return found[0]

    def may_cancel(self, job: StoredJob) -> bool:
        """At any time: whoever was not told by then is not."""
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """Nothing depends on it."""

    async def run(self, work: Work) -> JSONObject:
        """Everybody was told, from where it was left."""
        content = work.job.parameters["content"]
        assert isinstance(content, dict), "it was checked"
        if not work.place:
            total = await self.database.scan(account_lists.count, _PEOPLE)
            await work.note(Step(place={"after": None, "sent": 0, "failed": 0}, total=total))
        while people := await self._people_after(work.place["after"]):
            for person in people:
                await self._tell(work, person, content)
        return {"sent": work.place["sent"], "failed": work.place["failed"]}

    async def _people_after(self, user_id: object) -> list[AccountOutline]:
        after = None if user_id is None else (str(user_id), str(user_id))
        return [outline for outline, _ in await self.database.scan(account_lists.page, _PEOPLE, after, READ_AT_ONCE)]

    async def _tell(self, work: Work, person: AccountOutline, content: JSONObject) -> None:
        place: JSONObject = {**work.place, "after": person.user_id}
        if person.appservice_id is None and person.user_id != self.notices.user_id:
            outcome = await self._outcome(person.user_id, content)
            place[outcome] = int(str(place[outcome])) + 1
        await work.note(Step(1, place=place))

    async def _outcome(self, user_id: UserID, content: JSONObject) -> str:
        try:
            await self.notices.send(user_id, content)
        except (Refusal, Malformed) as refusal:
            log.warning("a notice was not sent", user=user_id, reason=str(refusal))
            return "failed"
        return "sent"


def _check(content: JSONObject) -> None:
    if not isinstance(content.get("msgtype"), str) or not isinstance(content.get("body"), str):
        raise Malformed("A notice is the content of a message: it has a msgtype and a body.", "content")
    if len(encode_json(content)) > CONTENT_BYTES_MAX:
        raise Malformed(f"A notice has at most {CONTENT_BYTES_MAX} bytes.", "content", "M_TOO_LARGE")
