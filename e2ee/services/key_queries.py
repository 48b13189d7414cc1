"""
The keys of users, here and elsewhere.

Spec: client-server-api#post_matrixclientv3keysquery
"""

from collections.abc import Mapping, Sequence

from attrs import define, frozen

from e2ee.core.public_keys import PublicKeys, QueryAnswer
from e2ee.services.failures import failure_of
from e2ee.services.patience import all_of, at_most
from e2ee.services.remote_lists import RemoteLists
from e2ee.store import announced_devices, public_keys
from homeserver.core.identifiers import DeviceID, ServerName, UserID, server_of
from homeserver.services.clock import Clock
from homeserver.services.refusals import NotFound
from homeserver.store import users
from homeserver.store.database import Database


@frozen
class DeviceList:
    """All devices of a user of this server, as of the update *stream_id*."""

    stream_id: int
    keys: PublicKeys


@define(eq=False)
class KeyQueries:
    """Answers queries of clients and of other servers."""

    server: ServerName
    database: Database
    clock: Clock
    remote_lists: RemoteLists

    async def query(
        self, viewer: UserID, wanted: Mapping[UserID, Sequence[DeviceID]], timeout_seconds: float
    ) -> QueryAnswer:
        """The keys as *viewer* may see them; a user without device IDs is asked for with all devices."""
        by_server: dict[ServerName, list[UserID]] = {}
        for user_id in wanted:
            by_server.setdefault(server_of(user_id), []).append(user_id)
        answer = QueryAnswer()
        local = by_server.pop(self.server, [])
        await self._add_local(answer, viewer, {user_id: wanted[user_id] for user_id in local})

        async def ask(server: ServerName) -> dict[UserID, PublicKeys]:
            work = self.remote_lists.of(server, by_server[server], viewer)
            return await at_most(timeout_seconds, self.clock, server, work)

        for server, found in await all_of(by_server, ask):
            if isinstance(found, Exception):
                answer.failures[server] = failure_of(found)
                continue
            for user_id, keys in found.items():
                answer.add(keys, wanted[user_id])
        return answer

    async def query_local(self, wanted: Mapping[UserID, Sequence[DeviceID]]) -> QueryAnswer:
        """The keys of users of this server, as other servers may see them; of others nothing."""
        answer = QueryAnswer()
        local = {user_id: devices for user_id, devices in wanted.items() if server_of(user_id) == self.server}
        await self._add_local(answer, None, local)
        return answer

    async def device_list(self, user_id: UserID) -> DeviceList:
        """All devices of a user of this server, as other servers may see them.  Raises NotFound."""
        if server_of(user_id) != self.server or await self.database.read(users.by_id, user_id) is None:
            raise NotFound("There is no such user here.")
        # The number first: a change in between is announced under a later one.
        stream_id = await self.database.read(announced_devices.stream_id, user_id)
        found = await self.database.read(public_keys.of_locals, (user_id,), None)
        return DeviceList(stream_id, found[user_id])

    async def _add_local(
        self, answer: QueryAnswer, viewer: UserID | None, wanted: Mapping[UserID, Sequence[DeviceID]]
    ) -> None:
        if not wanted:
            return
        found = await self.database.read(public_keys.of_locals, wanted.keys(), viewer)
        for user_id, keys in found.items():
            answer.add(keys, wanted[user_id])
