"""Making rooms over HTTP."""

from typing import Any

from tests.room_api import V3, RoomAPICase

CREATE = f"{V3}/createRoom"


class CreateRoomTests(RoomAPICase):
    async def content(self, room_id: str, kind: str) -> Any:
        return (await self.alice.state(room_id, kind)).json

    async def test_presets(self) -> None:
        """Each preset has its join rule and guest access; without one the visibility decides."""
        expected = {
            "private_chat": ("invite", "can_join"),
            "trusted_private_chat": ("invite", "can_join"),
            "public_chat": ("public", "forbidden"),
        }
        for preset, (join_rule, guest_access) in expected.items():
            room_id = await self.alice.create_room(preset=preset)

            self.assertEqual(join_rule, (await self.content(room_id, "m.room.join_rules"))["join_rule"])
            self.assertEqual(guest_access, (await self.content(room_id, "m.room.guest_access"))["guest_access"])
            visibility = (await self.content(room_id, "m.room.history_visibility"))["history_visibility"]
            self.assertEqual("shared", visibility)
        for visibility, join_rule in {"public": "public", "private": "invite"}.items():
            room_id = await self.alice.create_room(visibility=visibility)

            self.assertEqual(join_rule, (await self.content(room_id, "m.room.join_rules"))["join_rule"])

    async def test_everything_that_can_be_asked_for(self) -> None:
        """Name, topic, alias, invites, state, type, power levels and version are as asked."""
        room_id = await self.alice.create_room(
            name="Moot",
            topic="All of it",
            room_alias_name="moot",
            invite=[self.bob.user_id],
            is_direct=True,
            room_version="11",
            creation_content={"type": "m.space", "m.federate": False, "creator": "@evil:localhost"},
            initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}],
            power_level_content_override={"events_default": 5},
        )
        create = await self.content(room_id, "m.room.create")
        levels = await self.content(room_id, "m.room.power_levels")
        invite = (await self.alice.state(room_id, "m.room.member", self.bob.user_id)).json

        self.assertEqual({"room_version": "11", "type": "m.space", "m.federate": False}, create)
        self.assertEqual("Moot", (await self.content(room_id, "m.room.name"))["name"])
        self.assertEqual("All of it", (await self.content(room_id, "m.room.topic"))["topic"])
        self.assertEqual("#moot:localhost", (await self.content(room_id, "m.room.canonical_alias"))["alias"])
        self.assertEqual("m.megolm.v1.aes-sha2", (await self.content(room_id, "m.room.encryption"))["algorithm"])
        self.assertEqual((5, {self.alice.user_id: 100}), (levels["events_default"], levels["users"]))
        self.assertEqual(("invite", True), (invite["membership"], invite["is_direct"]))
        found = await self.bob.client.get(f"{V3}/directory/room/%23moot:localhost")
        self.assertEqual(room_id, found.json["room_id"])

    async def test_nobody_talks_in_a_space(self) -> None:
        """Unless its creator says so.  Spec: client-server-api#spaces"""
        of_space = {"creation_content": {"type": "m.space"}}
        silent = await self.alice.create_room(**of_space)
        loud = await self.alice.create_room(**of_space, power_level_content_override={"events_default": 0})
        levels = [(await self.alice.state(room, "m.room.power_levels")).json for room in (silent, loud)]

        self.assertEqual([100, 0], [each["events_default"] for each in levels])

    async def test_trusted_invites(self) -> None:
        """Who is invited to a trusted chat has the creator's power: by level, and since version 12 as a creator."""
        old = await self.alice.create_room(preset="trusted_private_chat", invite=[self.bob.user_id], room_version="10")
        new = await self.alice.create_room(preset="trusted_private_chat", invite=[self.bob.user_id])

        self.assertEqual(100, (await self.content(old, "m.room.power_levels"))["users"][self.bob.user_id])
        self.assertEqual([self.bob.user_id], (await self.content(new, "m.room.create"))["additional_creators"])

    async def test_upgrading_takes_more_than_changing_state(self) -> None:
        """Since version 12, also where the request gives levels of its own, but for one of upgrades themselves."""
        for stated, level in (({}, 150), ({"events": {"m.x": 1}}, 150), ({"state_default": 200}, 201)):
            room_id = await self.alice.create_room(power_level_content_override=stated)
            events = (await self.content(room_id, "m.room.power_levels"))["events"]

            self.assertEqual(level, events["m.room.tombstone"])
        asked = await self.alice.create_room(power_level_content_override={"events": {"m.room.tombstone": 100}})
        self.assertEqual({"m.room.tombstone": 100}, (await self.content(asked, "m.room.power_levels"))["events"])

    async def test_every_version(self) -> None:
        """Rooms of all versions can be made, and talked in."""
        for version in map(str, range(1, 13)):
            room_id = await self.alice.create_room(room_version=version)
            await self.alice.say(room_id, "hello")

            self.assertEqual(["hello"], await self.alice.texts(room_id))

    async def test_refusals(self) -> None:
        """What cannot be is refused by the code that the spec has for it, and nothing is made."""
        await self.alice.create_room(room_alias_name="taken")
        bad: list[tuple[Any, int, str]] = [
            ({"room_alias_name": "taken"}, 400, "M_ROOM_IN_USE"),
            ({"room_alias_name": "with space"}, 400, "M_INVALID_PARAM"),
            ({"room_alias_name": "a:b"}, 400, "M_INVALID_PARAM"),
            ({"room_alias_name": "x" * 300}, 400, "M_INVALID_PARAM"),
            ({"room_version": "none"}, 400, "M_UNSUPPORTED_ROOM_VERSION"),
            ({"room_version": 11}, 400, "M_BAD_JSON"),
            ({"preset": "none"}, 400, "M_BAD_JSON"),
            ({"visibility": "none"}, 400, "M_BAD_JSON"),
            ({"invite": ["nobody"]}, 400, "M_INVALID_PARAM"),
            ({"invite": ["@nobody:localhost"]}, 404, "M_NOT_FOUND"),
            ({"invite": "@bob:localhost"}, 400, "M_BAD_JSON"),
            ({"invite_3pid": [{"medium": "email"}]}, 400, "M_INVALID_PARAM"),
            ({"name": 5}, 400, "M_BAD_JSON"),
            ({"name": "x" * 70_000}, 400, "M_TOO_LARGE"),
            ({"initial_state": [{"content": {}}]}, 400, "M_MISSING_PARAM"),
            ({"initial_state": [{"type": "m.x", "content": {"float": 1.5}}]}, 400, "M_BAD_JSON"),
            ({"power_level_content_override": {"users_default": "high"}}, 400, "M_INVALID_ROOM_STATE"),
            ({"power_level_content_override": {"users": {"@alice:localhost": 100}}}, 400, "M_BAD_JSON"),
            ({"creation_content": {"additional_creators": ["x"]}}, 400, "M_BAD_JSON"),
            ([], 400, "M_BAD_JSON"),
            (b"{", 400, "M_NOT_JSON"),
        ]
        before = (await self.alice.client.get(f"{V3}/joined_rooms")).json
        for body, status, errcode in bad:
            response = await self.alice.client.post(CREATE, body)

            if (status, errcode) == (400, "M_TOO_LARGE"):
                self.assertIn((response.status, response.errcode), {(400, errcode), (413, errcode)})
            else:
                self.assertEqual((status, errcode), (response.status, response.errcode), (body, response.body))
        self.assertEqual(before, (await self.alice.client.get(f"{V3}/joined_rooms")).json)

    async def test_guests_make_no_rooms(self) -> None:
        """Spec: client-server-api#guest-access"""
        guest = await self.api.user("guest", is_guest=True)

        self.assert_refused(403, "M_GUEST_ACCESS_FORBIDDEN", await guest.client.post(CREATE, {}))
