"""What pushing hands on to others."""

from collections.abc import Sequence
from typing import Protocol

from homeserver.services.pushing.dues import Due
from homeserver.store.pushers import StoredPusher


class Digests(Protocol):
    """Tells users by mail what is unread."""

    async def note(self, dues: Sequence[tuple[Due, StoredPusher]]) -> None:
        """It is stored that there is something to tell these pushers, which are all of mail; or that its user reads."""
