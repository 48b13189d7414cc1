"""The published directory, and aliases, over HTTP."""

from typing import Any

from tests.databases import each_database
from tests.room_api import V3, RoomAPICase

ROOMS = f"{V3}/publicRooms"


@each_database
class DirectoryTests(RoomAPICase):
    async def names(self, **query: Any) -> list[Any]:
        return [room.get("name") for room in (await self.api.stranger.get(ROOMS, **query)).json["chunk"]]

    async def found(self, **body: Any) -> list[Any]:
        return [room.get("name") for room in (await self.alice.client.post(ROOMS, body)).json["chunk"]]

    async def test_what_is_shown(self) -> None:
        """What the room's state says, from when it says so."""
        room_id = await self.alice.create_room(
            visibility="public", name="Moot", topic="All", room_alias_name="moot", creation_content={"type": "m.space"}
        )
        await self.bob.join(room_id)
        await self.alice.set_state(room_id, "m.room.avatar", {"url": "mxc://localhost/a"})
        await self.alice.set_state(room_id, "m.room.history_visibility", {"history_visibility": "world_readable"})
        await self.alice.set_state(room_id, "m.room.guest_access", {"guest_access": "can_join"})
        await self.alice.set_state(room_id, "m.room.name", {"name": "Moot 2"})
        await self.alice.set_state(room_id, "m.room.topic", {})

        self.assertEqual(
            {
                "chunk": [
                    {
                        "room_id": room_id,
                        "name": "Moot 2",
                        "canonical_alias": "#moot:localhost",
                        "avatar_url": "mxc://localhost/a",
                        "room_type": "m.space",
                        "join_rule": "public",
                        "num_joined_members": 2,
                        "world_readable": True,
                        "guest_can_join": True,
                    }
                ],
                "total_room_count_estimate": 1,
            },
            (await self.api.stranger.get(ROOMS)).json,
        )
        await self.bob.act(room_id, "leave")
        await self.alice.act(room_id, "leave")
        self.assertEqual([], await self.names())

    async def test_what_was_redacted_is_not_shown(self) -> None:
        """A name that is redacted is gone from the directory; one that was replaced before changes nothing there."""
        room_id = await self.alice.create_room(visibility="public", name="Moot", topic="All")
        name = (await self.alice.set_state(room_id, "m.room.name", {"name": "Profanity"})).json["event_id"]
        topic = (await self.alice.client.get(f"{V3}/rooms/{room_id}/state/m.room.topic", format="event")).json
        await self.alice.set_state(room_id, "m.room.topic", {"topic": "Some"})
        for number, event_id in enumerate((name, topic["event_id"])):
            await self.alice.client.put(f"{V3}/rooms/{room_id}/redact/{event_id}/{number}", {})

        (shown,) = (await self.api.stranger.get(ROOMS)).json["chunk"]
        self.assertNotIn("name", shown)
        self.assertEqual("Some", shown["topic"])

    async def test_publishing(self) -> None:
        """Who may name a room publishes it and takes it back; nobody else does."""
        room_id = await self.alice.create_room(preset="public_chat", name="Moot")
        await self.bob.join(room_id)
        path = f"{V3}/directory/list/room/{room_id}"
        before = (await self.api.stranger.get(path)).json
        refused = await self.bob.client.put(path, {"visibility": "public"})
        await self.alice.client.put(path, {})
        during, listed = (await self.api.stranger.get(path)).json, await self.names()
        await self.alice.client.put(path, {"visibility": "private"})

        self.assertEqual(("private", "public"), (before["visibility"], during["visibility"]))
        self.assert_refused(403, "M_FORBIDDEN", refused)
        self.assertEqual((["Moot"], []), (listed, await self.names()))
        nowhere = f"{V3}/directory/list/room/!nowhere:localhost"
        self.assert_refused(404, "M_NOT_FOUND", await self.api.stranger.get(nowhere))
        self.assert_refused(404, "M_NOT_FOUND", await self.alice.client.put(nowhere, {}))
        self.assert_refused(400, "M_BAD_JSON", await self.alice.client.put(path, {"visibility": "x"}))

    async def test_searching(self) -> None:
        """By a term in name, topic or alias, and by type."""
        await self.alice.create_room(visibility="public", name="Archers", topic="bows")
        await self.alice.create_room(visibility="public", name="Smiths", room_alias_name="iron")
        await self.alice.create_room(visibility="public", name="Guild", creation_content={"type": "m.space"})
        await self.alice.create_room(name="Secret bows")

        self.assertEqual(["Archers"], await self.found(filter={"generic_search_term": "BOWS"}))
        self.assertEqual(["Smiths"], await self.found(filter={"generic_search_term": "iron"}))
        self.assertEqual([], await self.found(filter={"generic_search_term": "%"}))
        self.assertEqual(["Guild"], await self.found(filter={"room_types": ["m.space"]}))
        self.assertEqual({"Archers", "Smiths"}, set(await self.found(filter={"room_types": [None]})))
        self.assertEqual(3, len(await self.found(filter={"room_types": [None, "m.space"]})))
        self.assertEqual([], await self.found(filter={"room_types": []}))
        self.assertEqual([], await self.found(third_party_instance_id="irc"))
        self.assertEqual(3, len(await self.found(include_all_networks=True)))

    async def test_pages(self) -> None:
        """Largest rooms first, forward to the end and back to the beginning."""
        for number in range(7):
            room_id = await self.alice.create_room(visibility="public", name=str(number))
            for user in (self.bob, self.carol)[: number % 3]:
                await user.join(room_id)
        whole = await self.names()
        pages: list[Any] = []
        token: Any = {}
        while True:
            pages.append((await self.api.stranger.get(ROOMS, limit=3, **token)).json)
            if "next_batch" not in pages[-1]:
                break
            token = {"since": pages[-1]["next_batch"]}
        back = (await self.api.stranger.get(ROOMS, limit=3, since=pages[-1]["prev_batch"])).json
        first = (await self.api.stranger.get(ROOMS, limit=3, since=back["prev_batch"])).json

        self.assertEqual(7, pages[0]["total_room_count_estimate"])
        self.assertEqual([2, 2, 1, 1, 0, 0, 0], [int(name) % 3 for name in whole])
        self.assertEqual(whole, [room["name"] for page in pages for room in page["chunk"]])
        self.assertNotIn("prev_batch", pages[0])
        self.assertEqual((pages[1]["chunk"], pages[0]["chunk"]), (back["chunk"], first["chunk"]))
        self.assertNotIn("prev_batch", first)
        self.assertIn("next_batch", first)

    async def test_other_servers(self) -> None:
        """Are asked themselves; this one is this one by its name too."""
        await self.alice.create_room(visibility="public", name="Moot")

        self.assertEqual(["Moot"], await self.names(server="localhost"))
        self.assertEqual(404, (await self.api.stranger.get(ROOMS, server="elsewhere.example")).status)
        self.assertEqual(404, (await self.alice.client.post(f"{ROOMS}?server=elsewhere.example", {})).status)

    async def test_bad_input(self) -> None:
        """Each parameter is held against what it may be."""
        for query in ({"limit": "x"}, {"limit": "-1"}, {"since": "x"}, {"server": "not a name"}):
            self.assert_refused(400, "M_INVALID_PARAM", await self.api.stranger.get(ROOMS, **query))
        bad: list[tuple[Any, str]] = [
            ({"limit": "x"}, "M_BAD_JSON"),
            ({"limit": -1}, "M_INVALID_PARAM"),
            ({"since": "x"}, "M_INVALID_PARAM"),
            ({"filter": 5}, "M_BAD_JSON"),
            ({"filter": {"room_types": [5]}}, "M_BAD_JSON"),
            ({"filter": {"room_types": ["x"] * 100}}, "M_INVALID_PARAM"),
            ({"filter": {"generic_search_term": "x" * 1000}}, "M_INVALID_PARAM"),
            (b"{", "M_NOT_JSON"),
        ]
        for body, errcode in bad:
            self.assert_refused(400, errcode, await self.alice.client.post(ROOMS, body))
        self.assert_refused(401, "M_MISSING_TOKEN", await self.api.stranger.post(ROOMS, {}))


class AliasTests(RoomAPICase):
    def path(self, name: str) -> str:
        return f"{V3}/directory/room/%23{name}:localhost"

    async def test_aliases(self) -> None:
        """Members give rooms aliases; who made one, or runs the room, takes it away."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        made = await self.bob.client.put(self.path("bobs"), {"room_id": room_id})
        taken = await self.alice.client.put(self.path("bobs"), {"room_id": room_id})
        outside = await self.carol.client.put(self.path("carols"), {"room_id": room_id})
        listed = await self.bob.room(room_id, "aliases")
        found = await self.api.stranger.get(self.path("bobs"))
        refused = await self.carol.client.delete(self.path("bobs"))
        gone = await self.alice.client.delete(self.path("bobs"))

        self.assertEqual((200, 200), (made.status, gone.status))
        self.assert_refused(409, "M_ROOM_IN_USE", taken)
        self.assert_refused(403, "M_FORBIDDEN", outside)
        self.assert_refused(403, "M_FORBIDDEN", refused)
        self.assertEqual({"aliases": ["#bobs:localhost"]}, listed.json)
        self.assertEqual({"room_id": room_id, "servers": ["localhost"]}, found.json)
        self.assert_refused(404, "M_NOT_FOUND", await self.api.stranger.get(self.path("bobs")))
        self.assert_refused(404, "M_NOT_FOUND", await self.bob.client.delete(self.path("bobs")))

    async def test_who_may_list_aliases(self) -> None:
        """Members, and everybody where the room is world-readable."""
        room_id = await self.alice.create_room(room_alias_name="here")
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(room_id, "aliases"))
        await self.alice.set_state(room_id, "m.room.history_visibility", {"history_visibility": "world_readable"})

        self.assertEqual(["#here:localhost"], (await self.bob.room(room_id, "aliases")).json["aliases"])

    async def test_bad_input(self) -> None:
        """What is no alias, or another server's, is refused."""
        room_id = await self.alice.create_room()
        elsewhere = f"{V3}/directory/room/%23x:elsewhere.example"

        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.client.put(elsewhere, {"room_id": room_id}))
        self.assertEqual(404, (await self.api.stranger.get(elsewhere)).status)
        self.assert_refused(400, "M_INVALID_PARAM", await self.api.stranger.get(f"{V3}/directory/room/x"))
        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.client.put(self.path("x"), {"room_id": "x"}))
        self.assert_refused(400, "M_MISSING_PARAM", await self.alice.client.put(self.path("x"), {}))
        nowhere = await self.alice.client.put(self.path("x"), {"room_id": "!nowhere:localhost"})
        self.assert_refused(403, "M_FORBIDDEN", nowhere)
