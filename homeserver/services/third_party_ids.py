"""
Addresses that were proved to be a user's.

Spec: client-server-api#adding-account-administrative-contact-information
"""

from attrs import define

from homeserver.core.identifiers import UserID
from homeserver.store import threepids
from homeserver.store.database import Database
from homeserver.store.threepids import OwnedAddress

__all__ = ["OwnedAddress", "ThirdPartyIDs"]


@define(eq=False)
class ThirdPartyIDs:
    """Lists addresses."""

    database: Database

    async def of_user(self, user_id: UserID) -> list[OwnedAddress]:
        """All addresses of the user."""
        return await self.database.read(threepids.of_user, user_id)
