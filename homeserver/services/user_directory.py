"""
Finding users by what they are called.

Spec: client-server-api#user-directory
"""

from typing import Final

from attrs import define, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.user_directory import DirectoryEntry, rank_of, words_of
from homeserver.services.callers import Caller
from homeserver.services.memberships import Memberships
from homeserver.store import user_directory, visible_users
from homeserver.store.database import Database
from homeserver.store.visible_users import Searcher

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 100
CANDIDATES_MAX: Final = 2_000
"""Users with such names that are looked at; of more than that the searcher may be told too few."""


@frozen
class UserDirectorySettings:
    """Whom users find when they look for others by name."""

    search_all_users: bool = False
    """
    Whether all users of this server find each other, as in one organization. Otherwise users find those with whom they
    share a room, and those in rooms that are public or can be read by everybody.
    """


@define(eq=False)
class UserDirectory:
    """Shows users to those who may know of them."""

    server: ServerName
    database: Database
    memberships: Memberships
    settings: UserDirectorySettings

    async def search(self, caller: Caller, term: str, limit: int) -> JSONObject:
        """The users found by *term* whom the caller may know of, the best first, at most *limit*."""
        words = words_of(term)
        if not words:
            return {"results": [], "limited": False}
        rows = (await self.memberships.of(caller.user_id)).joined.values()
        candidates = await self.database.scan(user_directory.found, words, CANDIDATES_MAX)
        ranked = sorted(candidates, key=lambda entry: rank_of(entry, term))
        searcher = Searcher(
            caller.user_id,
            frozenset(row.room_nid for row in rows),
            self.server if self.settings.search_all_users else None,
        )
        wanted = min(limit, LIMIT_MAX)
        ids = [entry.user_id for entry in ranked]
        # One more than wanted says whether there are more.
        visible = await self.database.scan(visible_users.first, searcher, ids, wanted + 1)
        shown = frozenset(visible[:wanted])
        return {
            "results": [_shown(entry) for entry in ranked if entry.user_id in shown],
            "limited": len(visible) > wanted or len(candidates) == CANDIDATES_MAX,
        }


def _shown(entry: DirectoryEntry) -> JSON:
    shown: JSONObject = {"user_id": entry.user_id}
    if entry.display_name is not None:
        shown["display_name"] = entry.display_name
    if entry.avatar_url is not None:
        shown["avatar_url"] = entry.avatar_url
    return shown
