"""Spaces and room summaries over HTTP, on one server."""

from typing import Any

from homeserver.core.identifiers import RoomID
from homeserver.core.room_outlines import RoomOutline
from homeserver.services import spaces
from tests.databases import each_database
from tests.room_api import V1, RoomAPICase, User

SPACE = {"creation_content": {"type": "m.space"}}


class SpaceCase(RoomAPICase):
    async def space(self, name: str, **more: Any) -> str:
        return await self.alice.create_room(name=name, **{**SPACE, "preset": "public_chat", **more})

    async def room(self, name: str, **more: Any) -> str:
        return await self.alice.create_room(name=name, **{"preset": "public_chat", **more})

    async def put(self, space: str, *rooms: str, **content: Any) -> None:
        """The rooms are in the space, in this order."""
        for room_id in rooms:
            self.api.clock.advance(1)
            response = await self.alice.set_state(space, "m.space.child", {"via": ["localhost"], **content}, room_id)
            self.assertEqual(200, response.status, response.body)

    async def page(self, space: str, user: User | None = None, **query: Any) -> Any:
        client = (user or self.alice).client
        return await User.ok(client.get(f"{V1}/rooms/{space}/hierarchy", **query))

    async def names(self, space: str, user: User | None = None, **query: Any) -> list[str]:
        return [room["name"] for room in (await self.page(space, user, **query))["rooms"]]


@each_database
class HierarchyTests(SpaceCase):
    async def test_depth_first(self) -> None:
        """A space in a space is gone through before what comes after it; loops end; every room is shown once."""
        top, sub, last = await self.space("top"), await self.space("sub"), await self.room("last")
        inner, first = await self.room("inner"), await self.room("first")
        await self.put(top, first, sub, last)
        await self.put(sub, inner, first, top)

        self.assertEqual(["top", "first", "sub", "inner", "last"], await self.names(top))
        self.assertEqual(["top"], await self.names(top, max_depth=0))
        self.assertEqual(["top", "first", "sub", "last"], await self.names(top, max_depth=1))
        self.assertEqual(["first"], await self.names(first))

    async def test_what_is_shown(self) -> None:
        """The room as its state says, and the events of its children as they are sent."""
        top = await self.space("top", topic="All", room_alias_name="top")
        room = await self.room("room", room_version="10")
        await self.alice.set_state(room, "m.room.join_rules", {"join_rule": "restricted", "allow": [self.allow(top)]})
        await self.alice.set_state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        await self.put(top, room, suggested=True)
        shown = (await self.page(top))["rooms"]
        child = shown[0].pop("children_state")

        self.assertEqual(
            {
                "room_id": top,
                "name": "top",
                "topic": "All",
                "canonical_alias": "#top:localhost",
                "room_type": "m.space",
                "room_version": "12",
                "join_rule": "public",
                "num_joined_members": 1,
                "world_readable": False,
                "guest_can_join": False,
            },
            shown[0],
        )
        self.assertEqual([(room, self.alice.user_id)], [(each["state_key"], each["sender"]) for each in child])
        self.assertEqual({"via": ["localhost"], "suggested": True}, child[0]["content"])
        self.assertEqual(
            ([top], "10", "m.megolm.v1.aes-sha2", []),
            tuple(shown[1][name] for name in ("allowed_room_ids", "room_version", "encryption", "children_state")),
        )

    @staticmethod
    def allow(room_id: str) -> Any:
        return {"type": "m.room_membership", "room_id": room_id}

    async def test_who_sees_what(self) -> None:
        """Only rooms that one is in, invited to, may join or ask to, or that everybody may read."""
        top, club = await self.space("top"), await self.room("club", preset="private_chat")
        rooms = {name: await self.room(name) for name in ("public", "knock", "restricted", "invite", "readable", "ban")}
        for name in ("knock", "invite", "readable"):
            rule = "knock" if name == "knock" else "invite"
            await self.alice.set_state(rooms[name], "m.room.join_rules", {"join_rule": rule})
        restricted = {"join_rule": "restricted", "allow": [self.allow(club)]}
        await self.alice.set_state(rooms["restricted"], "m.room.join_rules", restricted)
        readable = {"history_visibility": "world_readable"}
        await self.alice.set_state(rooms["readable"], "m.room.history_visibility", readable)
        await self.alice.act(rooms["ban"], "ban", user_id=self.bob.user_id)
        await self.put(top, *rooms.values())
        before = await self.names(top, self.bob)
        await self.alice.act(club, "invite", user_id=self.bob.user_id)
        await self.bob.join(club)
        await self.alice.act(rooms["invite"], "invite", user_id=self.bob.user_id)

        self.assertEqual(["top", "public", "knock", "readable"], before)
        self.assertEqual(
            ["top", "public", "knock", "restricted", "invite", "readable"], await self.names(top, self.bob)
        )
        self.assertEqual(["top", *rooms], await self.names(top))

    async def test_taken_out(self) -> None:
        """A child whose event no longer names servers is in the space no more; what this server does not know is not
        shown."""
        top, room = await self.space("top"), await self.room("room")
        await self.put(top, room, "!elsewhere:other.example")
        before = await self.names(top)
        await self.alice.set_state(top, "m.space.child", {}, room)

        self.assertEqual((["top", "room"], ["top"]), (before, await self.names(top)))

    async def test_suggested_only(self) -> None:
        """Only what is suggested, also among the events."""
        top, one, two = await self.space("top"), await self.room("one"), await self.room("two")
        await self.put(top, one)
        await self.put(top, two, suggested=True)
        page = await self.page(top, suggested_only=True)

        self.assertEqual(["top", "two"], [room["name"] for room in page["rooms"]])
        self.assertEqual([two], [child["state_key"] for child in page["rooms"][0]["children_state"]])
        self.assertEqual(["top", "one", "two"], await self.names(top))

    async def test_pages(self) -> None:
        """Pages put together are the whole; what comes or goes meanwhile costs no room its place."""
        top = await self.space("top")
        rooms = [await self.room(f"r{index}") for index in range(6)]
        await self.put(top, *rooms)
        whole = await self.names(top)
        names: list[str] = []
        query: dict[str, Any] = {}
        pages = 0
        while True:
            page = await self.page(top, limit=2, **query)
            names += [room["name"] for room in page["rooms"]]
            pages += 1
            if "next_batch" not in page:
                break
            query = {"from_": page["next_batch"]}
        first = await self.page(top, limit=3)
        await self.alice.set_state(top, "m.space.child", {}, rooms[0])
        second = await self.names(top, from_=first["next_batch"])
        await self.alice.set_state(top, "m.space.child", {}, rooms[1])
        without = await self.names(top, from_=first["next_batch"])

        self.assertEqual((4, whole), (pages, names))
        self.assertEqual(["r2", "r3", "r4", "r5"], second)
        self.assertEqual("r5", without[-1])

    async def test_a_page_goes_on_where_the_last_one_ended(self) -> None:
        """Without looking again at what the pages before have shown; and the same when nobody remembers them."""
        top, sub = await self.space("top"), await self.space("sub")
        await self.put(top, await self.room("r0"), sub, await self.room("r1"))
        await self.put(sub, await self.room("s0"), await self.room("s1"))
        outlines = self.api.spaces.outlines
        looked_at: list[str] = []

        async def counted(_: object, room_id: RoomID) -> RoomOutline | None:
            looked_at.append(room_id)
            return await of(outlines, room_id)

        of = type(outlines).of
        token = (await self.page(top, limit=4))["next_batch"]
        self.patch(type(outlines), "of", counted)
        rest = await self.names(top, from_=token)
        remembered, looked_at[:] = len(looked_at), []
        again = await self.names(top, from_=token)
        self.api.spaces._walks.clear()
        looked_at.clear()
        walked = await self.names(top, from_=token)

        self.assertEqual([["s1", "r1"]] * 3, [rest, again, walked])
        self.assertEqual((3, 6), (remembered, len(looked_at)))

    async def test_who_is_banned_meanwhile_sees_no_further_page(self) -> None:
        """The space itself is looked at for each page."""
        top = await self.space("top")
        await self.put(top, await self.room("r0"), await self.room("r1"))
        token = (await self.page(top, self.bob, limit=1))["next_batch"]
        await self.alice.act(top, "ban", user_id=self.bob.user_id)
        response = await self.bob.client.get(f"{V1}/rooms/{top}/hierarchy", from_=token)

        self.assert_refused(403, "M_FORBIDDEN", response)

    async def test_walks_that_are_remembered_have_a_bound(self) -> None:
        """The oldest is forgotten; who goes on from it gets the same."""
        self.patch(spaces, "WALKS_MAX", 2)
        top = await self.space("top")
        await self.put(top, *[await self.room(f"r{index}") for index in range(4)])
        tokens = [(await self.page(top, limit=limit))["next_batch"] for limit in (1, 2, 3)]

        self.assertEqual(2, len(self.api.spaces._walks))
        self.assertEqual(["r0", "r1", "r2", "r3"], await self.names(top, from_=tokens[0]))

    async def test_what_was_asked_for_cannot_change(self) -> None:
        """Nor is a token taken that nobody gave out."""
        top, room = await self.space("top"), await self.room("room")
        await self.put(top, room, suggested=True)
        token = (await self.page(top, limit=1, max_depth=1, suggested_only=True))["next_batch"]
        path = f"{V1}/rooms/{top}/hierarchy"
        same = await self.names(top, from_=token, max_depth=1, suggested_only=True)
        bad: list[dict[str, Any]] = [
            {"from_": token, "max_depth": 2},
            {"from_": token, "suggested_only": False},
            {"from_": "x"},
            {"limit": 0},
            {"limit": -1},
            {"limit": "x"},
            {"max_depth": -1},
            {"suggested_only": "maybe"},
        ]

        self.assertEqual((["room"], ["room"]), (same, await self.names(top, from_=token)))
        for query in bad:
            self.assert_refused(400, "M_INVALID_PARAM", await self.alice.client.get(path, **query))

    async def test_spaces_that_one_may_not_look_at(self) -> None:
        """Private ones, those that one is banned from, and those that are not there are refused alike."""
        private, open_ = await self.space("private", preset="private_chat"), await self.space("open")
        await self.alice.act(open_, "ban", user_id=self.bob.user_id)

        for room_id in (private, open_, "!nowhere:localhost", "!nowhere:other.example"):
            response = await self.bob.client.get(f"{V1}/rooms/{room_id}/hierarchy")
            self.assert_refused(403, "M_FORBIDDEN", response)
        self.assert_refused(401, "M_MISSING_TOKEN", await self.api.stranger.get(f"{V1}/rooms/{open_}/hierarchy"))


@each_database
class SummaryTests(SpaceCase):
    async def test_summaries(self) -> None:
        """By ID or alias; with the caller's membership; strangers see what everybody may know."""
        room = await self.room("Moot", room_alias_name="moot")
        by_alias = await User.ok(self.bob.client.get(f"{V1}/room_summary/%23moot:localhost"))
        by_id = await User.ok(self.alice.client.get(f"{V1}/room_summary/{room}", via=["localhost", "other.example"]))
        stranger = await User.ok(self.api.stranger.get(f"{V1}/room_summary/{room}"))

        self.assertEqual(("leave", "join"), (by_alias["membership"], by_id["membership"]))
        self.assertEqual(("Moot", room, "12"), tuple(stranger[name] for name in ("name", "room_id", "room_version")))
        self.assertNotIn("membership", stranger)

    async def test_what_is_not_shown(self) -> None:
        """Private rooms to strangers and to those outside; what is not there to anybody."""
        private = await self.room("private", preset="private_chat")
        restricted = await self.room("restricted")
        rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": private}]}
        await self.alice.set_state(restricted, "m.room.join_rules", rule)
        refused = [
            (self.api.stranger, private),
            (self.bob.client, private),
            (self.api.stranger, restricted),
            (self.bob.client, restricted),
            (self.alice.client, "!nowhere:localhost"),
            (self.alice.client, "%23nowhere:localhost"),
        ]
        await self.alice.act(private, "invite", user_id=self.bob.user_id)
        await self.alice.act(private, "invite", user_id=self.carol.user_id)
        await self.carol.join(private)
        invited = await User.ok(self.bob.client.get(f"{V1}/room_summary/{private}"))
        allowed = await User.ok(self.carol.client.get(f"{V1}/room_summary/{restricted}"))

        self.assertEqual(("invite", "leave"), (invited["membership"], allowed["membership"]))
        for client, room in [each for each in refused if each != (self.bob.client, private)]:
            self.assert_refused(404, "M_NOT_FOUND", await client.get(f"{V1}/room_summary/{room}"))
        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.client.get(f"{V1}/room_summary/x"))
        bad_via = await self.alice.client.get(f"{V1}/room_summary/{private}", via="not a name")
        self.assert_refused(400, "M_INVALID_PARAM", bad_via)
        self.assert_refused(401, "M_UNKNOWN_TOKEN", await self.unknown().get(f"{V1}/room_summary/{private}"))

    def unknown(self) -> Any:
        return self.api.stranger.signed_in("unknown")
