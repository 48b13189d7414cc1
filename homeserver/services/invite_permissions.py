"""
By whom each user wants to be invited; who is not wanted is refused, or not shown.

Spec: client-server-api#invite-permission
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence

from attrs import define, field

from homeserver.core.canonical import parse_json_object
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.invite_permissions import (
    EVERYBODY,
    INVITE_PERMISSIONS,
    UNSTABLE_INVITE_PERMISSIONS,
    InviteAnswer,
    InvitePermission,
    invite_permission_of,
)
from homeserver.core.log import ACCOUNT_DATA, LogEntry
from homeserver.services.member_guards import MemberChange
from homeserver.services.refusals import InviteBlocked
from homeserver.store import account_data
from homeserver.store.database import Database


@define(eq=False)
class InvitePermissions:
    """
    The wishes of the *users_max* users last asked for, in memory.  As a ``MemberGuard`` it refuses what they block.

    *exempt*: accounts of the server itself, whose invites all must take.
    """

    server: ServerName
    database: Database
    exempt: Collection[UserID] = ()
    users_max: int = 50_000
    _known: OrderedDict[UserID, InvitePermission] = field(init=False, factory=OrderedDict)
    _generation: int = field(init=False, default=0)
    """Counts what may have changed."""

    async def of(self, user_id: UserID) -> InvitePermission:
        """What the user wants."""
        found = self._known.get(user_id)
        if found is None:
            generation = self._generation
            found = await self._read(user_id)
            if generation == self._generation:
                self._known[user_id] = found
            while len(self._known) > self.users_max:
                self._known.popitem(last=False)
        return found

    async def shows(self, user_id: UserID, sender: UserID) -> bool:
        """Whether the user is to see an invite by *sender*; whom the user ignores altogether is known elsewhere."""
        return sender in self.exempt or (await self.of(user_id)).answer(sender) is InviteAnswer.ALLOW

    async def check(self, change: MemberChange) -> None:
        """Raises InviteBlocked when a user of this server does not want to be invited by who does."""
        if change.membership != "invite" or server_of(change.target) != self.server or change.sender in self.exempt:
            return
        if (await self.of(change.target)).answer(change.sender) is InviteAnswer.BLOCK:
            raise InviteBlocked

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Wishes that may have changed are read afresh."""
        for entry in entries:
            if entry.kind == ACCOUNT_DATA:
                self._generation += 1
                self._known.pop(UserID(entry.subject), None)

    async def _read(self, user_id: UserID) -> InvitePermission:
        for type_ in (INVITE_PERMISSIONS, UNSTABLE_INVITE_PERMISSIONS):
            text = await self.database.read(account_data.content, user_id, "", type_)
            if text is not None:
                return invite_permission_of(parse_json_object(text.encode()))
        return EVERYBODY
