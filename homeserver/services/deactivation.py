"""
Accounts end.

Spec: client-server-api#account-deactivation
"""

from collections.abc import Sequence

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.interactive_auth import PASSWORD
from homeserver.core.log import PROFILE, PUSHERS
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.interactive_auth import AT_ONCE, BY_PASSWORD, InteractiveAuth, Request
from homeserver.services.ports import AccountBelongings, Bindings, RoomMembers
from homeserver.services.sessions import Sessions
from homeserver.store import (
    accepted_policies,
    account_data,
    digests,
    earlier_push_rules,
    filters,
    profiles,
    push_rules,
    pushers,
    receipts,
    threepids,
    users,
)
from homeserver.store.database import Database
from homeserver.store.write import Write


@define(eq=False)
class Deactivation:
    """Ends accounts, for good."""

    database: Database
    sessions: Sessions
    interactive_auth: InteractiveAuth
    room_members: RoomMembers
    belongings: Sequence[AccountBelongings] = ()
    bindings: Bindings | None = None
    """What identity servers know; None: none was told anything."""

    async def deactivate(
        self, caller: Caller | None, auth: JSON, info: RequestInfo, *, erase: bool, id_server: str | None = None
    ) -> bool:
        """
        Nobody logs in to the account any more, and it is in no room.  Raises InteractiveAuthRequired.

        Without a caller, the account is the one whose password is proved.  Whether no identity server, or not
        *id_server*, knows any address as the user's any more.
        """
        if caller is not None and caller.appservice_id is not None and caller.device_id is None:
            # An application service answers for its users itself.
            return await self.end(caller.user_id, erase=erase, id_server=id_server)
        user_id = None if caller is None else caller.user_id
        # A guest has no password to prove.
        flows = AT_ONCE if caller is not None and caller.is_guest else BY_PASSWORD
        progress = await self.interactive_auth.complete(Request("deactivateAccount", flows, info, user_id), auth)
        return await self.end(user_id or UserID(progress.proofs[PASSWORD]), erase=erase, id_server=id_server)

    async def end(self, user_id: UserID, *, erase: bool, id_server: str | None = None) -> bool:
        """The account has ended, without further questions; answers as ``deactivate``."""
        await self.begin(user_id, erase=erase)
        await self.room_members.leave_all(user_id)
        return self.bindings is None or await self.bindings.unbind_all(user_id, id_server)

    async def begin(self, user_id: UserID, *, erase: bool) -> None:
        """Nobody logs in to the account any more; that it is in no room is to come (``leave_all``, or a start)."""
        await self.database.write(self._write, user_id, erase)
        self.sessions.forget(user_id)

    async def finish(self) -> None:
        """What a stop interrupted is done: ended accounts are in no room.  To be called at the start."""
        for user_id in await self.database.scan(users.deactivated_in_rooms):
            await self.room_members.leave_all(user_id)

    def _write(self, tx: Write, user_id: UserID, erase: bool) -> None:
        users.deactivate(tx, user_id, erase=erase)
        self.sessions.erasure.erase_all(tx, user_id)
        if pushers.delete_of_user(tx, user_id):
            tx.log(PUSHERS, user_id)
        digests.delete_of_user(tx, user_id)
        threepids.delete_of_user(tx, user_id)
        for each in self.belongings:
            each.delete_of_account(tx, user_id, erase=erase)
        if erase:
            accepted_policies.delete_of_user(tx, user_id)
            account_data.delete_of_user(tx, user_id)
            push_rules.delete_of_user(tx, user_id)
            earlier_push_rules.delete_of_user(tx, user_id)
            filters.delete_of_user(tx, user_id)
            receipts.delete_of_user(tx, user_id)
            profiles.delete_of_user(tx, user_id)
            tx.log(PROFILE, user_id)
