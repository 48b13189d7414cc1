"""
Whom each user ignores.

Spec: client-server-api#ignoring-users
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSON, parse_json_object
from homeserver.core.identifiers import UserID
from homeserver.core.log import ACCOUNT_DATA, LogEntry
from homeserver.store import account_data
from homeserver.store.database import Database

IGNORED_USER_LIST: Final = "m.ignored_user_list"
NOBODY: Final[frozenset[UserID]] = frozenset()


def ignored_in(content: Mapping[str, JSON]) -> frozenset[UserID]:
    """The users that the content of an ``m.ignored_user_list`` names; what is no such content names nobody."""
    users = content.get("ignored_users")
    return frozenset(map(UserID, users)) if isinstance(users, dict) else NOBODY


@define(eq=False)
class IgnoredUsers:
    """The lists of the *users_max* users last asked for, in memory."""

    database: Database
    users_max: int = 50_000
    _known: OrderedDict[UserID, frozenset[UserID]] = field(init=False, factory=OrderedDict)
    _generation: int = field(init=False, default=0)
    """Counts what may have changed."""

    async def of(self, user_id: UserID) -> frozenset[UserID]:
        """Whom the user ignores."""
        found = self._known.get(user_id)
        if found is None:
            generation = self._generation
            text = await self.database.read(account_data.content, user_id, "", IGNORED_USER_LIST)
            found = NOBODY if text is None else ignored_in(parse_json_object(text.encode())) - {user_id}
            if generation == self._generation:
                self._known[user_id] = found
            while len(self._known) > self.users_max:
                self._known.popitem(last=False)
        return found

    def at_hand(self, user_id: UserID) -> frozenset[UserID] | None:
        """The same if the list is in memory."""
        return self._known.get(user_id)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Lists that may have changed are read afresh."""
        for entry in entries:
            if entry.kind == ACCOUNT_DATA:
                self._generation += 1
                self._known.pop(UserID(entry.subject), None)
