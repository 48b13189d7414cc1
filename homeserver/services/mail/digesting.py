"""
Digests are written and sent when they are due, until the user has read everything, or wants no more of them.

The mail and the note that it was written are one write: what was told once is not told again, whatever is cut off.
"""

from typing import Any, Final
from urllib.parse import quote

import structlog
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSHERS
from homeserver.core.mail.addresses import EMAIL, EmailAddress, folded_address
from homeserver.core.mail.letters import Letter
from homeserver.core.mail.validation import is_unsubscribe_token, unsubscribe_token
from homeserver.core.pushers import EMAIL_APP_ID
from homeserver.services.clock import Clock, now_ms
from homeserver.services.mail.digest_contents import Contents, DigestContents
from homeserver.services.mail.digest_schedule import DigestSchedule
from homeserver.services.mail.post import Post
from homeserver.services.mail.texts import Texts
from homeserver.services.refusals import WrongToken
from homeserver.store import digests, pushers, threepids
from homeserver.store.database import Database
from homeserver.store.digests import StoredDigest
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

UNSUBSCRIBE_PATH: Final = "/_folkmoot/client/v1/email/unsubscribe"
AT_ONCE: Final = 5
CLAIM_MS: Final = 5 * 60 * 1000
"""For so long a digest that is being written is nobody else's."""
LOOK_SECONDS: Final = 30.0
"""How often the calendar is looked at, at the least."""
LOOKS: Final = 4
"""How often in the time that the first mail waits."""


@define(eq=False)
class Digesting:
    """Writes what is due, from ``start`` to ``stop``.  *secret*: the same in every process of the server."""

    database: Database
    clock: Clock
    schedule: DigestSchedule
    contents: DigestContents
    post: Post
    texts: Texts
    secret: bytes
    baseurl: str
    _timer: Any = field(init=False, default=None)
    _running: "Deferred[None] | None" = field(init=False, default=None)
    _started: bool = field(init=False, default=False)

    async def start(self) -> None:
        """What is due is being written."""
        self._started = True
        self._begin()

    async def stop(self) -> None:
        """Nothing is written any more."""
        self._started = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._running is not None:
            await self._running

    async def end(self, user_id: UserID, pushkey: str, token: str) -> None:
        """The user gets no more digests at that address; a second time changes nothing.  Raises WrongToken."""
        if not is_unsubscribe_token(self.secret, user_id, pushkey, token):
            raise WrongToken
        await self.database.write(_end, user_id, pushkey)

    def _begin(self) -> None:
        self._timer = None
        self._running = Deferred.fromCoroutine(self._write_all()).addErrback(_report)
        self._running.addCallback(lambda _: self._rest())

    def _rest(self) -> None:
        self._running = None
        if self._started:
            wait_seconds = self.schedule.rhythm.wait_ms / 1000
            self._timer = self.clock.callLater(min(LOOK_SECONDS, wait_seconds / LOOKS), self._begin)

    async def _write_all(self) -> None:
        while self._started:
            now = now_ms(self.clock)
            if (await self.database.read(digests.next_due_ms) or now + 1) > now:
                return
            for claimed in await self.database.write(digests.claim, now, now + CLAIM_MS, AT_ONCE):
                await self._write(claimed)

    async def _write(self, due: StoredDigest) -> None:
        contents = await self.contents.of(due)
        if contents is None:
            await self.database.write(_settle, evolve(due, due_ms=None))
        else:
            letter = self._letter(due, contents)
            await self.database.write(self._send, due, contents, letter, self.post.encode(letter), now_ms(self.clock))
            self.post.outgoing.wake()
        # What came while this was written was taken to be told by it.
        settled = await self.database.read(digests.by_key, due.user_id, due.app_id, due.pushkey)
        if settled is not None and settled.due_ms is None and await self.contents.of(settled) is not None:
            await self.schedule.put(settled)

    def _send(self, tx: Write, due: StoredDigest, contents: Contents, letter: Letter, message: bytes, now: int) -> None:
        owner = threepids.owner_of(tx.connection, EMAIL, letter.to)
        if owner != due.user_id or not _has_pusher(tx, due):
            digests.delete_one(tx, due.user_id, due.app_id, due.pushkey)
            return
        self.post.queue(tx, letter, message)
        interval_ms = self.schedule.rhythm.next_interval_ms(due.interval_ms, has_read=contents.has_read)
        digests.replace(tx, evolve(due, due_ms=None, interval_ms=interval_ms, sent_ms=now, told_upto=contents.upto))

    def _letter(self, due: StoredDigest, contents: Contents) -> Letter:
        token = unsubscribe_token(self.secret, due.user_id, due.pushkey)
        query = f"user_id={quote(due.user_id)}&address={quote(due.pushkey)}&token={token}"
        link = f"{self.baseurl}{UNSUBSCRIBE_PATH}?{query}"
        address = EmailAddress(folded_address(EMAIL, due.pushkey))
        letter = self.texts.letter("digest", address, digest=contents.digest, user_id=due.user_id, unsubscribe=link)
        # RFC 8058: one click in the reader of mail, which sends a POST.
        headers = {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return evolve(letter, headers=headers)


def _settle(tx: Write, digest: StoredDigest) -> None:
    if _has_pusher(tx, digest):
        digests.replace(tx, digest)
    else:
        digests.delete_one(tx, digest.user_id, digest.app_id, digest.pushkey)


def _has_pusher(tx: Write, digest: StoredDigest) -> bool:
    own = pushers.of_user(tx.connection, digest.user_id)
    return any((each.app_id, each.pushkey, each.enabled) == (digest.app_id, digest.pushkey, True) for each in own)


def _end(tx: Write, user_id: UserID, pushkey: str) -> None:
    digests.delete_one(tx, user_id, EMAIL_APP_ID, pushkey)
    if pushers.delete(tx, user_id, EMAIL_APP_ID, pushkey):
        tx.log(PUSHERS, user_id)


def _report(failure: Failure) -> None:
    log.error("writing digests failed", failure=failure.getTraceback())
