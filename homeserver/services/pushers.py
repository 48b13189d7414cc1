"""
Users say where they want to be told of events.

Spec: client-server-api#push-notifications
"""

from collections.abc import Collection

from attrs import define

from homeserver.core.canonical import JSONObject, encode_json, parse_json_object
from homeserver.core.identifiers import UserID
from homeserver.core.log import PUSHERS
from homeserver.core.mail.addresses import folded_address
from homeserver.core.pushers import EMAIL, PusherChange, PusherSetting, stored_pusher
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.pushing.settings import PushSettings
from homeserver.services.refusals import AddressNotFound, Forbidden, InvalidParameter
from homeserver.store import digests, pushers, threepids
from homeserver.store.database import Database
from homeserver.store.pushers import StoredPusher
from homeserver.store.write import Write


@define(eq=False)
class Pushers:
    """The pushers of this server's users.  *kinds*: what can be delivered here."""

    database: Database
    clock: Clock
    settings: PushSettings
    kinds: Collection[str]

    async def of(self, user_id: UserID) -> list[JSONObject]:
        """All pushers of the user as clients see them, oldest first."""
        stored = await self.database.read(pushers.of_user, user_id)
        return [stored_pusher(parse_json_object(each.description.encode())).to_json() for each in stored]

    async def change(self, caller: Caller, change: PusherChange) -> None:
        """
        The pusher is set for the caller's device, or is gone.  Raises InvalidParameter for a kind that cannot be
        delivered, AddressNotFound for mail to who is not the caller, Forbidden for too many.
        """
        if not isinstance(change, PusherSetting):
            await self.database.write(_delete, caller.user_id, change.app_id, change.pushkey)
            return
        kind = change.pusher.kind
        if kind not in self.kinds:
            if kind == EMAIL:
                raise InvalidParameter("This server sends no notifications by mail.")
            raise InvalidParameter(f"Of pushers, this server knows the kinds {', '.join(sorted(self.kinds))}.")
        await self.database.write(self._set, caller, change)

    def _set(self, tx: Write, caller: Caller, change: PusherSetting) -> None:
        pusher, user_id = change.pusher, caller.user_id
        app_id, pushkey = pusher.name.app_id, pusher.name.pushkey
        if pusher.kind == EMAIL and threepids.owner_of(tx.connection, EMAIL, folded_address(EMAIL, pushkey)) != user_id:
            raise AddressNotFound("Mail about what is unread goes to addresses of one's own account alone.")
        others = [each for each in pushers.of_user(tx.connection, user_id) if not _is_named(each, app_id, pushkey)]
        if len(others) >= self.settings.pushers_max:
            raise Forbidden(f"An account may have {self.settings.pushers_max} pushers.")
        if not change.append:
            for other in pushers.others_with(tx.connection, user_id, app_id, pushkey):
                _delete(tx, other, app_id, pushkey)
        position = tx.log(PUSHERS, user_id)
        pushers.replace(
            tx,
            StoredPusher(
                user_id=user_id,
                app_id=app_id,
                pushkey=pushkey,
                # An address belongs to the account: it outlives the device on which it was chosen.
                device_id=None if pusher.kind == EMAIL else caller.device_id,
                kind=pusher.kind,
                description=encode_json(pusher.to_json()).decode(),
                enabled=True,
                cursor=position,
                created_ms=now_ms(self.clock),
                failing_since_ms=None,
            ),
        )


def _is_named(pusher: StoredPusher, app_id: str, pushkey: str) -> bool:
    return (pusher.app_id, pusher.pushkey) == (app_id, pushkey)


def _delete(tx: Write, user_id: UserID, app_id: str, pushkey: str) -> None:
    digests.delete_one(tx, user_id, app_id, pushkey)
    if pushers.delete(tx, user_id, app_id, pushkey):
        tx.log(PUSHERS, user_id)
