"""
What member events say of their user.

Spec: client-server-api#mroommember
"""

from attrs import define

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.profiles import SHOWN_IN_ROOMS
from homeserver.store import profiles
from homeserver.store.database import Database


@define(eq=False)
class MemberContent:
    """Makes the contents of member events."""

    server: ServerName
    database: Database

    async def of(self, user_id: UserID, membership: str, reason: str | None = None) -> JSONObject:
        """The membership, the reason if there is one, and what a user of this server shows of themselves."""
        content: JSONObject = {"membership": membership}
        if server_of(user_id) == self.server:
            profile = await self.database.read(profiles.of_user, user_id)
            content |= {field: profile[field] for field in SHOWN_IN_ROOMS if field in profile}
        if reason is not None:
            content["reason"] = reason
        return content
