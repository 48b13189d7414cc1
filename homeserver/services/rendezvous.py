"""
Rendezvous of two devices, of which one is not logged in yet.

What they say passes through here, sealed; they are in the database, so that each may talk to another process.
Spec: proposals/4388
"""

from collections.abc import Callable
from typing import Final, Literal

from attrs import define, field, frozen, validators

from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import Forbidden, NotFound, TooLarge, TooSoon
from homeserver.store import rendezvous
from homeserver.store.database import Database
from homeserver.store.rendezvous import Rendezvous
from homeserver.store.write import Write

__all__ = ["Meeting", "Meetings", "Rendezvous", "RendezvousSettings"]

PAYLOAD_BYTES_MAX: Final = 4096


@frozen
class RendezvousSettings:
    """Logging in by a QR code: where the two devices meet."""

    create: Literal["users", "everybody", "nobody"] = "users"
    """Who may open a meeting place: users of this server, also strangers, or nobody."""
    by_url: bool = True
    """
    Whether there are meeting places of the older form too, which clients of today log in by: they ask for no access
    token, so that strangers open them whoever may open the others. None where nobody may.
    """
    lifetime_seconds: int = field(default=300, validator=[validators.ge(120), validators.le(300)])
    """How long it stays, in seconds; 120 to 300."""
    open_max: int = field(default=1_000, validator=validators.ge(1))
    """How many there may be at once."""


@frozen
class Meeting:
    """A rendezvous as it is, and how long it stays."""

    at: Rendezvous
    expires_in_ms: int


@define(eq=False)
class Meetings:
    """All rendezvous of this server."""

    database: Database
    clock: Clock
    settings: RendezvousSettings
    new_id: Callable[[], str]
    """Another one at each call, which nobody can guess."""

    def may_create(self, caller: Caller | None) -> bool:
        """Whether the caller, or a stranger, may open one."""
        return self.settings.create == "everybody" or (self.settings.create == "users" and caller is not None)

    async def create(self, caller: Caller | None, payload: str) -> Meeting:
        """A new one, with its first payload.  Raises Forbidden, TooLarge, TooSoon."""
        if not self.may_create(caller):
            raise Forbidden("Only users of this server may do this.")
        check_size(payload.encode("utf-8", "surrogatepass"))
        now, lifetime_ms = now_ms(self.clock), self.settings.lifetime_seconds * 1000
        new = Rendezvous(self.new_id(), payload, self.new_id(), now + lifetime_ms)
        await self.database.write(insert, new, now, self.settings.open_max)
        return Meeting(new, lifetime_ms)

    async def one(self, rendezvous_id: str) -> Meeting:
        """What was said there last.  Raises NotFound."""
        now = now_ms(self.clock)
        found = require(await self.database.read(rendezvous.by_id, rendezvous_id, now))
        return Meeting(found, found.expires_ms - now)

    async def say(self, rendezvous_id: str, sequence_token: str, payload: str) -> str | None:
        """
        The payload is this one; the token that names it so.

        None when somebody has said something else since *sequence_token*.  Raises NotFound, TooLarge.
        """
        check_size(payload.encode("utf-8", "surrogatepass"))
        return await self.database.write(
            _say, rendezvous_id, sequence_token, payload, self.new_id(), now_ms(self.clock)
        )

    async def end(self, rendezvous_id: str) -> None:
        """It is over.  Raises NotFound."""
        if not await self.database.write(rendezvous.remove, rendezvous_id, now_ms(self.clock)):
            require(None)


def insert(tx: Write, new: Rendezvous, now: int, open_max: int) -> None:
    """The rendezvous is there.  Raises TooSoon where *open_max* are."""
    rendezvous.remove_expired(tx, now)
    count, first_end_ms = rendezvous.count(tx.connection, now)
    if count >= open_max:
        raise TooSoon(max(0, (first_end_ms or now) - now), "Too many devices are meeting here.")
    rendezvous.insert(tx, new)


def _say(tx: Write, rendezvous_id: str, sequence_token: str, payload: str, new_token: str, now: int) -> str | None:
    known = require(rendezvous.by_id(tx.connection, rendezvous_id, now))
    if known.sequence_token != sequence_token:
        # The same once more, as its answer was lost.
        return known.sequence_token if known.payload == payload else None
    rendezvous.replace(tx, rendezvous_id, payload, new_token)
    return new_token


def require(found: Rendezvous | None) -> Rendezvous:
    """What was found.  Raises NotFound for None."""
    if found is None:
        raise NotFound("There is no such rendezvous, or not any more.")
    return found


def check_size(payload: bytes) -> None:
    """Raises TooLarge."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise TooLarge(f"A payload has at most {PAYLOAD_BYTES_MAX} bytes.")
