"""
Rendezvous of two devices in their older form: a text that either replaces, told apart by an ETag.

Strangers open them too: whoever logs in has no access token yet.
Spec: proposals/4108, as it was before it rested on proposals/4388
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final

from attrs import define, frozen

from homeserver.services.clock import Clock, now_ms
from homeserver.services.rendezvous import RendezvousSettings, check_size, insert, require
from homeserver.store import rendezvous
from homeserver.store.database import Database
from homeserver.store.rendezvous import Rendezvous
from homeserver.store.write import Write

# The places of the newer form are in the same table, and are no places of this one.
_PREFIX: Final = "u."


@frozen
class Place:
    """A rendezvous as it is.  *tag* tells its payload from any other that it had, the same one said again too."""

    place_id: str
    payload: bytes
    tag: str
    modified_ms: int
    expires_ms: int


@define(eq=False)
class Places:
    """All rendezvous of this server that are URLs."""

    database: Database
    clock: Clock
    settings: RendezvousSettings
    new_id: Callable[[], str]
    """Another one at each call, which nobody can guess."""

    async def create(self, payload: bytes) -> Place:
        """A new one, with its first payload.  Raises TooLarge, TooSoon."""
        check_size(payload)
        now = now_ms(self.clock)
        place_id, expires_ms = self.new_id(), now + self.settings.lifetime_seconds * 1000
        new = Rendezvous(_PREFIX + place_id, _stored(payload), self._tag(now), expires_ms)
        await self.database.write(insert, new, now, self.settings.open_max)
        return _place(new)

    async def one(self, place_id: str) -> Place:
        """What was said there last.  Raises NotFound."""
        found = await self.database.read(rendezvous.by_id, _PREFIX + place_id, now_ms(self.clock))
        return _place(require(found))

    async def say(self, place_id: str, tag: str, payload: bytes) -> tuple[bool, Place]:
        """
        Whether the payload is this one now, and the place as it is.

        It is not when somebody has said something else since *tag*.  Raises NotFound, TooLarge.
        """
        check_size(payload)
        now = now_ms(self.clock)
        said, found = await self.database.write(_say, _PREFIX + place_id, tag, _stored(payload), self._tag(now), now)
        return said, _place(found)

    async def end(self, place_id: str) -> None:
        """It is over.  Raises NotFound."""
        if not await self.database.write(rendezvous.remove, _PREFIX + place_id, now_ms(self.clock)):
            require(None)

    def _tag(self, now: int) -> str:
        return f"{now:x}.{self.new_id()}"


def _say(tx: Write, key: str, tag: str, payload: str, new_tag: str, now: int) -> tuple[bool, Rendezvous]:
    known = require(rendezvous.by_id(tx.connection, key, now))
    if known.sequence_token != tag:
        return False, known
    rendezvous.replace(tx, key, payload, new_tag)
    return True, Rendezvous(key, payload, new_tag, known.expires_ms)


def _place(found: Rendezvous) -> Place:
    modified, _, _ = found.sequence_token.partition(".")
    place_id = found.rendezvous_id.removeprefix(_PREFIX)
    return Place(place_id, b64decode(found.payload), found.sequence_token, int(modified, 16), found.expires_ms)


def _stored(payload: bytes) -> str:
    """As text, whatever bytes they are."""
    return b64encode(payload).decode()
