"""
Finding users by what they are called.

Spec: client-server-api#user-directory
"""

from typing import Final

from attrs import define, field, frozen
from sqlalchemy import Connection

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.user_directory import DirectoryEntry, rank_of, words_of
from homeserver.services.callers import Caller
from homeserver.services.memberships import Memberships
from homeserver.store import user_directory, users
from homeserver.store.database import Database

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


@frozen
class _Search:
    searcher: UserID
    rooms: frozenset[int]
    """That the searcher is in."""
    words: list[str]
    term: str
    limit: int


@define
class _Eyes:
    """Who is visible to a searcher, within one transaction."""

    tx: Connection
    search: _Search
    server: ServerName | None
    """All of whose users are visible; None: no server's."""
    _open: dict[int, bool] = field(init=False, factory=dict)

    def see(self, user_id: UserID) -> bool:
        if user_id == self.search.searcher:
            return False
        if server_of(user_id) == self.server:
            user = users.by_id(self.tx, user_id)
            return user is not None and not user.deactivated
        nids = user_directory.joined(self.tx, user_id).keys()
        if not self.search.rooms.isdisjoint(nids):
            return True
        unknown = [nid for nid in nids if nid not in self._open]
        opened = user_directory.open_rooms(self.tx, unknown) if unknown else set()
        self._open.update((nid, nid in opened) for nid in unknown)
        return any(self._open[nid] for nid in nids)


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
        rooms = frozenset(row.room_nid for row in rows)
        search = _Search(caller.user_id, rooms, words, term, min(limit, LIMIT_MAX))
        found, limited = await self.database.scan(self._find, search)
        return {"results": [_shown(entry) for entry in found], "limited": limited}

    def _find(self, tx: Connection, search: _Search) -> tuple[list[DirectoryEntry], bool]:
        """The users, and whether there are more."""
        candidates = user_directory.found(tx, search.words, CANDIDATES_MAX)
        eyes = _Eyes(tx, search, self.server if self.settings.search_all_users else None)
        visible: list[DirectoryEntry] = []
        for entry in sorted(candidates, key=lambda entry: rank_of(entry, search.term)):
            if eyes.see(entry.user_id):
                if len(visible) == search.limit:
                    return visible, True
                visible.append(entry)
        return visible, len(candidates) == CANDIDATES_MAX


def _shown(entry: DirectoryEntry) -> JSON:
    shown: JSONObject = {"user_id": entry.user_id}
    if entry.display_name is not None:
        shown["display_name"] = entry.display_name
    if entry.avatar_url is not None:
        shown["avatar_url"] = entry.avatar_url
    return shown
