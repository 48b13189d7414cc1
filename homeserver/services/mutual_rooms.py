"""
Rooms that two users share.

Spec: client-server-api#mutual-rooms
"""

import re
from typing import Final

from attrs import define

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.services.callers import Caller
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import InvalidParameter
from homeserver.store import state
from homeserver.store.database import Database

PAGE_MAX: Final = 1_000
_TOKEN: Final = re.compile(r"m([0-9]{1,18})\Z", re.ASCII)


@define(eq=False)
class MutualRooms:
    """Compares the rooms of users."""

    database: Database
    memberships: Memberships

    async def page(self, caller: Caller, user_id: UserID, from_: str | None) -> JSONObject:
        """
        The rooms that both are joined to, as far as this server knows; of a user that is not known there are none.

        *from_*: the token at the end of the page before.  Raises Malformed, InvalidParameter.
        """
        after = 0 if from_ is None else _parse(from_)
        if user_id == caller.user_id:
            raise InvalidParameter("All of your rooms are shared with yourself.")
        theirs = await self.database.scan(state.rooms_of, user_id)
        ours = (await self.memberships.of(caller.user_id)).joined
        shared = sorted((row.room_nid, room_id) for room_id, row in ours.items() if theirs.get(row.room_nid) == "join")
        ahead = [pair for pair in shared if pair[0] > after]
        answer: JSONObject = {"joined": [room_id for _, room_id in ahead[:PAGE_MAX]], "count": len(shared)}
        if len(ahead) > PAGE_MAX:
            answer["next_batch"] = f"m{ahead[PAGE_MAX - 1][0]}"
        return answer


def _parse(token: str) -> int:
    match = _TOKEN.match(token)
    if match is None:
        raise Malformed(f"This server gave out no token {token[:64]!r}.", "from", "M_INVALID_PARAM")
    return int(match[1])
