"""Tests of federation/services/remote_spaces.py and space_queries.py: spaces between servers."""

from typing import Any

from twisted.trial.unittest import TestCase

from federation.services.remote_spaces import KEPT_SECONDS
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import DeviceID, RoomID, ServerName, UserID
from homeserver.services.callers import Caller
from homeserver.services.refusals import Forbidden, NotFound
from homeserver.services.spaces import HierarchyRequest
from tests.federation.servers import ALICE, BOB, CAROL, ONE, THREE, TWO, FederatedServer, Federation

SPACE: Any = {"creation_content": {"type": "m.space"}, "preset": "public_chat"}


class RemoteSpaceTests(Federation, TestCase):
    """Spaces of the first server, seen from the second."""

    names = (ONE, TWO, THREE)

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)

    async def put(self, server: FederatedServer, user: UserID, space: RoomID, room: RoomID, *via: ServerName) -> None:
        self.network.clock.advance(0.01)
        await server.set_state(user, space, "m.space.child", {"via": [*(via or (server.name,))]}, room)

    async def seen(self, server: FederatedServer, user: UserID, room_id: RoomID) -> list[Any]:
        """The names of the rooms that the user is shown."""
        caller = Caller(user, DeviceID("PHONE"))
        page: Any = await server.spaces.hierarchy(caller, room_id, HierarchyRequest())
        self.assertNotIn("next_batch", page)
        return [room["name"] for room in page["rooms"]]

    def asked(self) -> list[str]:
        return [asked.destination for asked in self.network.asked if "/hierarchy/" in asked.target]

    async def test_rooms_of_other_servers(self) -> None:
        """A space with rooms of two other servers, one of them a space itself; asked once within some minutes."""
        top = await self.one.create(ALICE, "11", name="top", **SPACE)
        sub = await self.three.create(CAROL, "11", name="sub", **SPACE)
        room = await self.one.create(ALICE, name="room", preset="public_chat")
        inner = await self.three.create(CAROL, name="inner", preset="public_chat")
        hidden = await self.one.create(ALICE, name="hidden", preset="private_chat")
        await self.put(self.one, ALICE, top, sub, THREE)
        await self.put(self.one, ALICE, top, hidden)
        await self.put(self.one, ALICE, top, room)
        await self.put(self.three, CAROL, sub, inner)
        first = await self.seen(self.two, BOB, top)
        again = await self.seen(self.two, BOB, top)
        asked = self.asked()
        self.network.clock.advance(KEPT_SECONDS + 1)
        await self.put(self.one, ALICE, top, inner, THREE)
        await self.seen(self.two, BOB, top)

        self.assertEqual(["top", "sub", "inner", "room"], first)
        self.assertEqual((first, [ONE, THREE]), (again, asked))
        self.assertGreater(len(self.asked()), len(asked))

    async def test_what_is_here_is_known_better(self) -> None:
        """Of rooms that this server is in, what it knows itself is shown, whatever others say."""
        top = await self.one.create(ALICE, "11", name="top", **SPACE)
        room = await self.one.create(ALICE, name="room", preset="private_chat")
        await self.put(self.one, ALICE, top, room)
        await self.one.inviting.invite(ALICE, room, BOB)
        await self.two.join(BOB, room, ONE)
        await self.settle(room, self.one, self.two)

        self.assertEqual(["top", "room"], await self.seen(self.two, BOB, top))
        self.assertEqual(["top"], await self.seen(self.two, UserID("@erin:two.example"), top))

    async def test_restricted_rooms(self) -> None:
        """Are shown to servers with somebody in the room that lets in, and by these to that somebody alone."""
        top = await self.one.create(ALICE, "11", name="top", **SPACE)
        room = await self.one.create(ALICE, name="room", preset="public_chat")
        rule: JSONObject = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": top}]}
        await self.one.set_state(ALICE, room, "m.room.join_rules", rule)
        await self.put(self.one, ALICE, top, room)
        before = await self.seen(self.two, BOB, top)
        await self.two.join(BOB, top, ONE)
        await self.settle(top, self.one, self.two)

        self.assertEqual((["top"], ["top", "room"]), (before, await self.seen(self.two, BOB, top)))
        self.assertEqual(["top"], await self.seen(self.two, UserID("@erin:two.example"), top))
        self.assertEqual(["top"], await self.seen(self.three, CAROL, top))

    async def test_what_servers_are_told(self) -> None:
        """Rooms they have a way into, and the IDs of those that they have none into; nothing of spaces they may not
        know of; nothing when the room denies them."""
        top = await self.one.create(ALICE, "11", name="top", **SPACE)
        hidden = await self.one.create(ALICE, name="hidden", preset="private_chat")
        denied = await self.one.create(ALICE, name="denied", preset="public_chat")
        acl: JSONObject = {"allow": ["*"], "deny": [TWO], "allow_ip_literals": False}
        await self.one.set_state(ALICE, denied, "m.room.server_acl", acl)
        for room in (hidden, denied, RoomID("!elsewhere:three.example")):
            await self.put(self.one, ALICE, top, room)
        path = "/_matrix/federation/v1/hierarchy/"
        told = (await self.two.request(self.one, "GET", f"{path}{top}")).json
        before = await self.two.request(self.one, "GET", f"{path}{hidden}")
        await self.one.inviting.invite(ALICE, hidden, BOB)
        invited = await self.two.request(self.one, "GET", f"{path}{hidden}?suggested_only=true")

        self.assertEqual(("top", []), (told["room"]["name"], told["children"]))
        self.assertEqual(3, len(told["room"]["children_state"]))
        self.assertEqual({hidden, denied}, set(told["inaccessible_children"]))
        self.assertEqual((404, 200), (before.status, invited.status))
        for room in (denied, RoomID("!nowhere:one.example")):
            self.assertEqual(404, (await self.two.request(self.one, "GET", f"{path}{room}")).status)

    async def test_liars_speak_for_themselves(self) -> None:
        """What one server says of a room is not taken for what another says; nonsense counts for nothing."""
        room = await self.one.create(ALICE, "11", name="true", preset="public_chat")

        def twist(asked: Any, answer: Any) -> Any:
            return {"room": [], "children": 5}

        self.network.twist = twist
        with self.assertRaises(NotFound):
            await self.two.spaces.summary(None, room, [ONE])
        self.network.twist = None
        self.network.clock.advance(KEPT_SECONDS + 1)

        self.assertEqual("true", (await self.two.spaces.summary(None, room, [THREE, ONE]))["name"])
        self.assertEqual([ONE, THREE, ONE], self.asked())

    async def test_servers_that_are_away(self) -> None:
        """Cost a space its rooms for a while, and a summary its answer."""
        room = await self.one.create(ALICE, "11", name="room", preset="public_chat")
        top = await self.two.create(BOB, name="top", **SPACE)
        await self.put(self.two, BOB, top, room, ONE)
        self.network.cut(ONE, TWO)
        during = await self.seen(self.two, BOB, top)
        with self.assertRaises(Forbidden):
            await self.seen(self.two, BOB, room)
        self.network.heal()
        self.network.clock.advance(61)

        self.assertEqual((["top"], ["top", "room"]), (during, await self.seen(self.two, BOB, top)))
