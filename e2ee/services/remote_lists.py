"""
Device lists of users of other servers: held as long as a room is shared, since updates come that long.

Spec: server-server-api#device-management
"""

from collections.abc import Collection
from functools import partial
from itertools import islice
from typing import Final

import structlog
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from e2ee.core.cross_signing import MASTER, SELF_SIGNING, peers_key
from e2ee.core.public_keys import PublicKeys
from e2ee.core.remote_lists import Fit, RemoteList, fit_of, parse_user_devices, peers_device, queried_list
from e2ee.services.patience import all_of
from e2ee.services.ports import RemoteKeys
from e2ee.store import cross_signing_keys, device_list_changes, public_keys, remote_device_lists, room_moves
from e2ee.store.remote_device_lists import HeldList
from federation.core.edus import DeviceListUpdate, SigningKeyUpdate
from federation.services.sharing import Shared
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName, UserID
from homeserver.core.log import Position
from homeserver.core.malformed import Malformed
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

RESYNCS_WAITING_MAX: Final = 1_000
"""Lists of one server that wait to be fetched anew; beyond it they are fetched when somebody asks for them."""
RESYNCED_AT_ONCE_MAX: Final = 10
"""Lists of one server that are fetched one by one, with the number of their update; more come in one request."""


@define(eq=False)
class RemoteLists:
    """Fetches lists, and works updates into them."""

    database: Database
    clock: Clock
    remote: RemoteKeys
    _fetching: Shared[tuple[UserID, ...], dict[UserID, RemoteList]] = field(init=False, factory=Shared)
    _waiting: dict[ServerName, dict[UserID, None]] = field(init=False, factory=dict)
    """Whose lists are to be fetched anew, in order, at servers that are being asked."""

    async def of(
        self, server: ServerName, user_ids: Collection[UserID], viewer: UserID | None
    ) -> dict[UserID, PublicKeys]:
        """The keys of users of *server* as *viewer* may see them.  Raises PeerUnreachable, PeerFault."""
        held = await self.database.read(remote_device_lists.lists_of, user_ids)
        missing = tuple(sorted(user for user in user_ids if user not in held or held[user].stale))
        fetched: dict[UserID, RemoteList] = {}
        if missing:
            fetched = await self._fetching.run(missing, lambda: self._fetch(server, missing))
        # What was just told is shown as it was, held or not.
        held_ones = [user for user in user_ids if user not in fetched]
        return {
            **await self.database.read(public_keys.of_remotes, held_ones, viewer),
            **await self.database.read(public_keys.of_fetched, fetched, viewer),
        }

    async def receive_device(self, origin: ServerName, update: DeviceListUpdate) -> None:
        """
        A device of a user of *origin* has changed, and those who share a room with the user hear of it.

        Where updates before it are missing, the list is fetched anew.  Spec: server-server-api#device-management
        """
        if await self.database.write(_take_device, update):
            self._resync_later(origin, update.user_id)

    async def receive_signing_keys(self, origin: ServerName, update: SigningKeyUpdate) -> None:
        """The cross-signing keys of a user of *origin* have changed."""
        await self.database.write(_take_signing_keys, update)

    def _resync_later(self, server: ServerName, user_id: UserID) -> None:
        waiting = self._waiting.get(server)
        if waiting is None:
            self._waiting[server] = {user_id: None}
            Deferred.fromCoroutine(self._resync_all(server)).addErrback(_report)
        elif len(waiting) < RESYNCS_WAITING_MAX:
            waiting[user_id] = None

    async def _resync_all(self, server: ServerName) -> None:
        """The lists that wait are fetched, a few at once; where the server is silent, whoever asks for them does it."""
        waiting = self._waiting[server]
        try:
            while waiting:
                user_ids = list(islice(waiting, RESYNCED_AT_ONCE_MAX))
                for user_id in user_ids:
                    del waiting[user_id]
                held = await self.database.read(remote_device_lists.lists_of, user_ids)
                stale = tuple(sorted(user for user in held if held[user].stale))
                if stale:
                    await self._fetching.run(stale, partial(self._fetch, server, stale))
        except (PeerUnreachable, PeerFault) as error:
            log.info("device lists could not be fetched anew", server=server, reason=str(error))
        finally:
            del self._waiting[server]

    async def _fetch(self, server: ServerName, user_ids: Collection[UserID]) -> dict[UserID, RemoteList]:
        """The lists that are still missing: another fetch may have brought some since they were looked for."""
        held = await self.database.read(remote_device_lists.lists_of, user_ids)
        asked_at = self.database.head
        missing = [user for user in user_ids if user not in held or held[user].stale]
        stale = [user for user in missing if user in held]
        fetched = await self._resync(server, stale) if len(stale) <= RESYNCED_AT_ONCE_MAX else {}
        rest = [user for user in missing if user not in fetched]
        if rest:
            answer = await self.remote.query(server, {user: [] for user in rest})
            fetched |= {user: queried_list(answer, user) for user in rest}
        await self.database.write_long(_store, list(fetched.values()), asked_at, now_ms(self.clock))
        return fetched

    async def _resync(self, server: ServerName, user_ids: Collection[UserID]) -> dict[UserID, RemoteList]:
        """The lists with the number of their update; of users whose list does not come that way nothing."""

        async def ask(user_id: UserID) -> JSONObject:
            return await self.remote.user_devices(server, user_id)

        found: dict[UserID, RemoteList] = {}
        for user_id, answer in await all_of(user_ids, ask):
            if isinstance(answer, PeerFault):
                continue
            if isinstance(answer, Exception):
                raise answer
            try:
                found[user_id] = parse_user_devices(answer, user_id)
            except Malformed as malformed:
                raise PeerFault(server, 200, "M_BAD_JSON", answer) from malformed
        return found


def _store(tx: Write, lists: Collection[RemoteList], asked_at: Position, now: int) -> None:
    changed = device_list_changes.positions(tx.connection, [each.user_id for each in lists])
    for each in lists:
        user_id = each.user_id
        if not room_moves.shares_with_locals(tx.connection, user_id):
            # No updates will come for it.
            remove_list(tx, user_id)
            continue
        # What changed while the answer was on its way may not be in it.
        held = HeldList(each.stream_id, stale=changed.get(user_id, 0) > asked_at)
        remote_device_lists.replace_list(tx, user_id, held, each.devices.values(), now)
        cross_signing_keys.delete_of_user(tx, user_id)
        for key in each.cross_signing.values():
            cross_signing_keys.replace(tx, key)


def remove_list(tx: Write, user_id: UserID) -> None:
    """Nothing is held of a user of another server."""
    remote_device_lists.remove(tx, user_id)
    cross_signing_keys.delete_of_user(tx, user_id)


def _take_device(tx: Write, update: DeviceListUpdate) -> bool:
    """Whether a list is held that must be fetched anew."""
    user_id = update.user_id
    held = _held(tx, user_id)
    if held is None:
        return False
    fit = Fit.GAP if held.stale else fit_of(update, held.stream_id)
    if fit is Fit.KNOWN:
        return False
    device_list_changes.record(tx, user_id)
    if fit is Fit.NEXT and _work_in(tx, update):
        remote_device_lists.set_stream_id(tx, user_id, update.stream_id)
        return False
    remote_device_lists.mark_stale(tx, user_id)
    return user_id in remote_device_lists.lists_of(tx.connection, (user_id,))


def _work_in(tx: Write, update: DeviceListUpdate) -> bool:
    """Whether the update says something that can be."""
    if update.deleted:
        remote_device_lists.remove_device(tx, update.user_id, update.device_id)
        return True
    device = peers_device(update.device_id, update.keys, update.display_name, update.user_id)
    if device is None:
        return False
    remote_device_lists.replace_device(tx, update.user_id, device)
    return True


def _take_signing_keys(tx: Write, update: SigningKeyUpdate) -> None:
    user_id = update.user_id
    held = _held(tx, user_id)
    if held is None:
        return
    device_list_changes.record(tx, user_id)
    for usage, value in ((MASTER, update.master_key), (SELF_SIGNING, update.self_signing_key)):
        key = peers_key(value, user_id, usage)
        if key is not None:
            cross_signing_keys.replace(tx, key)


def _report(failure: Failure) -> None:
    log.error("device lists could not be fetched anew", reason=failure.getTraceback())


def _held(tx: Write, user_id: UserID) -> HeldList | None:
    """What is held of a user whom somebody here shares a room with; None: it is nobody's concern."""
    if not room_moves.shares_with_locals(tx.connection, user_id):
        remove_list(tx, user_id)
        return None
    held = remote_device_lists.lists_of(tx.connection, (user_id,)).get(user_id)
    # Who asked before anything was held is told, too.
    return held or HeldList(None, stale=True)
