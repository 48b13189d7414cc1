"""
Which users somebody may know of, by the rooms that they are in.

Spec: client-server-api#user-directory
"""

from collections.abc import Sequence

from attrs import define, field, frozen
from sqlalchemy import Connection

from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.store import user_directory, users


@frozen
class Searcher:
    """Who looks, and the *rooms*, by nid, that they are in.  *server*: all of its users are visible; None: no one's."""

    user_id: UserID
    rooms: frozenset[int]
    server: ServerName | None


@define
class _Eyes:
    tx: Connection
    searcher: Searcher
    _open: dict[int, bool] = field(init=False, factory=dict)

    def see(self, user_id: UserID) -> bool:
        if user_id == self.searcher.user_id:
            return False
        if server_of(user_id) == self.searcher.server:
            user = users.by_id(self.tx, user_id)
            return user is not None and not user.deactivated
        nids = user_directory.joined(self.tx, user_id).keys()
        if not self.searcher.rooms.isdisjoint(nids):
            return True
        unknown = [nid for nid in nids if nid not in self._open]
        opened = user_directory.open_rooms(self.tx, unknown) if unknown else set()
        self._open.update((nid, nid in opened) for nid in unknown)
        return any(self._open[nid] for nid in nids)


def first(tx: Connection, searcher: Searcher, user_ids: Sequence[UserID], limit: int) -> list[UserID]:
    """The first *limit* of *user_ids* whom the searcher may know of; oneself is not among them."""
    eyes = _Eyes(tx, searcher)
    seen: list[UserID] = []
    for user_id in user_ids:
        if len(seen) == limit:
            break
        if eyes.see(user_id):
            seen.append(user_id)
    return seen
