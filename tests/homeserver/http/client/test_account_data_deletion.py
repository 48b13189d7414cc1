"""Account data is deleted, and clients hear of it."""

from typing import Any

from homeserver.core.identifiers import ServerName, UserID
from homeserver.http.client.account_data import AccountDataEndpoints
from homeserver.http.client.account_data_deletion import AccountDataDeletionEndpoints
from tests.client import SERVER, Client, a_site
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices

ALICE = UserID(f"@alice:{SERVER}")
V3 = "/_matrix/client/v3"
UNSTABLE = "/_matrix/client/unstable/org.matrix.msc3391"
KIND = "org.example"


@each_database
class DeletionTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.services = SyncServices(self.database, server=ServerName(SERVER))
        account_data = self.services.account_data
        account_data.is_none = lambda content: not content
        site = a_site(AccountDataEndpoints(account_data), AccountDataDeletionEndpoints(account_data))
        self.alice, self.bob = Client(site, "alice"), Client(site, "bob")

    async def test_what_is_deleted_is_gone(self) -> None:
        """Under both paths, for the account and for a room; deleting it again, or what never was, is no mistake."""
        room_id = await self.services.new_room(ALICE)
        for prefix in (V3, UNSTABLE):
            for scope in ("", f"/rooms/{room_id}"):
                path = f"/user/{ALICE}{scope}/account_data/{KIND}"
                await self.alice.put(V3 + path, {"a": 1})
                answers = [await self.alice.delete(prefix + path) for _ in range(2)]
                found = await self.alice.get(V3 + path)

                self.assertEqual([(200, {})] * 2, [(answer.status, answer.json) for answer in answers])
                self.assertEqual((404, "M_NOT_FOUND"), (found.status, found.errcode))
        never = await self.alice.delete(f"{V3}/user/{ALICE}/account_data/never")

        self.assertEqual(200, never.status)

    async def test_writing_nothing_is_deleting(self) -> None:
        """As clients do that know of no deletion."""
        path = f"{V3}/user/{ALICE}/account_data/{KIND}"
        await self.alice.put(path, {"a": 1})
        self.assertEqual(200, (await self.alice.put(path, {})).status)

        self.assertEqual(404, (await self.alice.get(path)).status)

    async def test_clients_hear_of_it_and_new_ones_of_nothing(self) -> None:
        """An incremental sync says ``{}``, once; a first one is silent; and what is written again is there again."""
        room_id = await self.services.new_room(ALICE)
        paths = [f"{V3}/user/{ALICE}{scope}/account_data/{KIND}" for scope in ("", f"/rooms/{room_id}")]
        for path in paths:
            await self.alice.put(path, {"a": 1})
        before = (await self.services.sync(ALICE))["next_batch"]
        for path in paths:
            await self.alice.delete(path)
        first, later = await self.services.sync(ALICE), await self.services.sync(ALICE, before)
        for path in paths:
            await self.alice.delete(path)
        silent = await self.services.sync(ALICE, later["next_batch"])
        await self.alice.put(paths[0], {"b": 2})
        again = await self.services.sync(ALICE, silent["next_batch"])

        self.assertEqual([{}, {}], [told["content"] for told in _told(later, room_id)])
        self.assertEqual(([], []), (_told(first, room_id), _told(silent, room_id)))
        self.assertEqual([{"b": 2}], [told["content"] for told in _told(again, room_id)])

    async def test_it_belongs_to_its_owner_and_some_to_the_server(self) -> None:
        """As for writing."""
        others = await self.bob.delete(f"{V3}/user/{ALICE}/account_data/{KIND}")
        servers = await self.alice.delete(f"{V3}/user/{ALICE}/account_data/m.push_rules")

        self.assertEqual((403, "M_FORBIDDEN"), (others.status, others.errcode))
        self.assertEqual((405, "M_BAD_JSON"), (servers.status, servers.errcode))


def _told(answer: Any, room_id: str) -> list[Any]:
    room = answer.get("rooms", {}).get("join", {}).get(room_id, {})
    parts = [answer.get("account_data", {}), room.get("account_data", {})]
    return [event for part in parts for event in part.get("events", ()) if event["type"] == KIND]
