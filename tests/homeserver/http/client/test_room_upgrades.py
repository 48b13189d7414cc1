"""Room upgrades over HTTP."""

from typing import Any

from tests.room_api import V3, RoomAPICase, User


class UpgradeTests(RoomAPICase):
    async def upgrade(self, user: User, room_id: str, version: str, **more: Any) -> str:
        answer = await user.ok(user.act(room_id, "upgrade", new_version=version, **more))
        return str(answer["replacement_room"])

    async def content(self, room_id: str, kind: str) -> Any:
        response = await self.alice.state(room_id, kind)
        return response.json if response.status == 200 else None

    async def test_what_is_carried_over(self) -> None:
        """The successor has the room's state, type, alias and place in the directory; the room says where it went."""
        old = await self.alice.create_room(
            visibility="public",
            name="Moot",
            topic="All",
            room_alias_name="moot",
            creation_content={"type": "m.space", "m.federate": False},
            initial_state=[
                {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}},
                {"type": "m.room.server_acl", "content": {"allow": ["*"]}},
                {"type": "x.own", "content": {"a": 1}},
                {"type": "m.space.child", "state_key": "!child:x", "content": {"via": ["x"]}},
            ],
            room_version="10",
        )
        await self.bob.join(old)
        last = await self.alice.say(old, "last words")
        new = await self.upgrade(self.alice, old, "12")
        create = await self.content(new, "m.room.create")
        listed = (await self.api.stranger.get(f"{V3}/publicRooms")).json["chunk"]

        self.assertEqual(
            {
                "room_version": "12",
                "type": "m.space",
                "m.federate": False,
                "predecessor": {"room_id": old, "event_id": last},
            },
            create,
        )
        for kind in ("name", "topic", "canonical_alias", "history_visibility", "server_acl", "join_rules"):
            self.assertIsNotNone(await self.content(new, f"m.room.{kind}"), kind)
        self.assertEqual({"alias": "#moot:localhost"}, await self.content(new, "m.room.canonical_alias"))
        self.assertEqual({}, await self.content(old, "m.room.canonical_alias"))
        self.assertIsNone(await self.content(new, "x.own"))
        child = await self.alice.state(new, "m.space.child", "!child:x")
        self.assertEqual({"via": ["x"]}, child.json)
        self.assertEqual(404, (await self.alice.state(new, "m.room.member", self.bob.user_id)).status)
        self.assertEqual(new, (await self.content(old, "m.room.tombstone"))["replacement_room"])
        found = (await self.api.stranger.get(f"{V3}/directory/room/%23moot:localhost")).json
        self.assertEqual(new, found["room_id"])
        self.assertEqual([new], [room["room_id"] for room in listed])

    async def test_the_old_room_falls_silent(self) -> None:
        """Only moderators speak and invite there afterwards."""
        old = await self.alice.create_room(preset="public_chat")
        await self.bob.join(old)
        await self.upgrade(self.alice, old, "11")
        levels = await self.content(old, "m.room.power_levels")
        refused = await self.bob.client.put(f"{V3}/rooms/{old}/send/m.room.message/t", {"body": "x"})

        self.assertEqual((50, 50), (levels["events_default"], levels["invite"]))
        self.assert_refused(403, "M_FORBIDDEN", refused)

    async def test_power_levels_between_all_versions(self) -> None:
        """Whoever could run the room can run its successor, whichever the two versions are."""
        for before, after in (("1", "12"), ("6", "10"), ("10", "12"), ("12", "11"), ("12", "12"), ("12", "3")):
            old = await self.alice.create_room(room_version=before, preset="public_chat")
            levels = await self.content(old, "m.room.power_levels")
            levels["users"][self.bob.user_id] = 50
            levels["events"]["m.room.topic"] = 70
            self.assertEqual(200, (await self.alice.set_state(old, "m.room.power_levels", levels)).status)
            new = await self.upgrade(self.alice, old, after)
            carried = await self.content(new, "m.room.power_levels")
            again = await self.alice.act(new, "upgrade", new_version="12")

            self.assertEqual(50, carried["users"][self.bob.user_id], (before, after))
            self.assertEqual(70, carried["events"]["m.room.topic"])
            self.assertEqual(after != "12", self.alice.user_id in carried["users"])
            self.assertEqual(200, (await self.alice.set_state(new, "m.room.topic", {"topic": "x"})).status)
            self.assertEqual(200, again.status, again.body)

    async def test_a_moderator_upgrades(self) -> None:
        """Who may end a room but not set all of its state carries all of it over nevertheless."""
        old = await self.alice.create_room(
            room_version="10",
            preset="public_chat",
            power_level_content_override={
                "users": {self.alice.user_id: 100, self.bob.user_id: 50},
                "events": {"m.room.tombstone": 50, "m.room.server_acl": 100},
            },
            initial_state=[{"type": "m.room.server_acl", "content": {"allow": ["*"]}}],
        )
        await self.bob.join(old)
        new = await self.upgrade(self.bob, old, "11")
        acl = await self.bob.state(new, "m.room.server_acl")
        levels = (await self.bob.state(new, "m.room.power_levels")).json

        self.assertEqual({"allow": ["*"]}, acl.json)
        self.assertEqual({self.alice.user_id: 100, self.bob.user_id: 50}, levels["users"])
        self.assertEqual(403, (await self.bob.set_state(new, "m.room.server_acl", {"allow": ["x"]})).status)

    async def test_additional_creators(self) -> None:
        """Are those that the request names, and stand above the power levels."""
        old = await self.alice.create_room(
            creation_content={"additional_creators": ["@old:localhost"]}, invite=[self.bob.user_id]
        )
        new = await self.upgrade(self.alice, old, "12", additional_creators=[self.bob.user_id, self.alice.user_id])
        ignored = await self.upgrade(self.alice, new, "11", additional_creators=[self.bob.user_id])

        self.assertEqual([self.bob.user_id], (await self.content(new, "m.room.create"))["additional_creators"])
        self.assertNotIn("additional_creators", await self.content(ignored, "m.room.create"))

    async def test_refusals(self) -> None:
        """Who may not, where there is nothing, and to what there is not."""
        room_id = await self.alice.create_room(preset="public_chat")
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.act(room_id, "upgrade", new_version="11"))
        await self.bob.join(room_id)
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.act(room_id, "upgrade", new_version="11"))
        nowhere = await self.alice.act("!nowhere:localhost", "upgrade", new_version="11")
        self.assert_refused(403, "M_FORBIDDEN", nowhere)
        unknown = await self.alice.act(room_id, "upgrade", new_version="none")
        self.assert_refused(400, "M_UNSUPPORTED_ROOM_VERSION", unknown)
        self.assert_refused(400, "M_MISSING_PARAM", await self.alice.act(room_id, "upgrade"))
        self.assert_refused(400, "M_BAD_JSON", await self.alice.act(room_id, "upgrade", new_version=11))
        bad = await self.alice.act(room_id, "upgrade", new_version="12", additional_creators=["x"])
        self.assert_refused(400, "M_INVALID_PARAM", bad)
        self.assertIsNone(await self.content(room_id, "m.room.tombstone"))
