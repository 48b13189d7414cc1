"""Coming and going over HTTP."""

from typing import Any

from tests.room_api import V3, RoomAPICase, User


class MembershipTests(RoomAPICase):
    async def membership(self, room_id: str, user: User) -> Any:
        response = await self.alice.state(room_id, "m.room.member", user.user_id)
        return response.json.get("membership")

    async def test_joining(self) -> None:
        """A public room by ID and by alias, with the reason and the name shown; joining again changes nothing."""
        await self.bob.call_oneself("Bob")
        room_id = await self.alice.create_room(preset="public_chat", room_alias_name="here")
        joined = await self.bob.join("#here:localhost", reason="curious")
        again = await self.bob.act(room_id, "join")
        content = (await self.alice.state(room_id, "m.room.member", self.bob.user_id)).json

        self.assertEqual({"room_id": room_id}, joined.json)
        self.assertEqual({"room_id": room_id}, again.json)
        self.assertEqual({"membership": "join", "displayname": "Bob", "reason": "curious"}, content)
        self.assertEqual([room_id], (await self.bob.client.get(f"{V3}/joined_rooms")).json["joined_rooms"])

    async def test_who_is_not_invited_stays_outside(self) -> None:
        """An invite opens the door; without one it is shut, and for rooms that are not there too."""
        room_id = await self.alice.create_room()
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.join(room_id))
        await self.alice.act(room_id, "invite", user_id=self.bob.user_id, reason="come")

        self.assertEqual("invite", await self.membership(room_id, self.bob))
        self.assertEqual(200, (await self.bob.join(room_id)).status)
        self.assertEqual(404, (await self.bob.join("#nowhere:localhost")).status)
        self.assertGreaterEqual((await self.bob.join("!nowhere:elsewhere.example")).status, 400)

    async def test_inviting(self) -> None:
        """Members invite who has an account and is not there yet."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        outsider = await self.carol.act(room_id, "invite", user_id=self.bob.user_id)
        powerless = await self.bob.act(room_id, "invite", user_id=self.carol.user_id)
        present = await self.alice.act(room_id, "invite", user_id=self.bob.user_id)
        nobody = await self.alice.act(room_id, "invite", user_id="@nobody:localhost")
        unreachable = await self.alice.act(room_id, "invite", user_id="@x:elsewhere.example")
        by_address = await self.alice.act(
            room_id, "invite", medium="email", address="a@b.example", id_server="x", id_access_token="y"
        )

        for refused in (outsider, powerless, present):
            self.assert_refused(403, "M_FORBIDDEN", refused)
        self.assert_refused(404, "M_NOT_FOUND", nobody)
        self.assertEqual(404, unreachable.status)
        self.assert_refused(400, "M_INVALID_PARAM", by_address)

    async def test_leaving(self) -> None:
        """Members leave, the invited decline; leaving twice is no error; strangers have nothing to leave."""
        room_id = await self.alice.create_room(invite=[self.bob.user_id])
        declined = await self.bob.act(room_id, "leave", reason="no time")
        again = await self.bob.act(room_id, "leave")

        self.assertEqual((200, 200), (declined.status, again.status))
        self.assertEqual("leave", await self.membership(room_id, self.bob))
        self.assert_refused(403, "M_FORBIDDEN", await self.carol.act(room_id, "leave"))

    async def test_kicking(self) -> None:
        """Who has the power takes others out, if they are in."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        await self.carol.join(room_id)
        powerless = await self.bob.act(room_id, "kick", user_id=self.carol.user_id)
        kicked = await self.alice.act(room_id, "kick", user_id=self.bob.user_id, reason="rude")
        gone = await self.alice.act(room_id, "kick", user_id=self.bob.user_id)

        self.assert_refused(403, "M_FORBIDDEN", powerless)
        self.assertEqual(200, kicked.status)
        self.assert_refused(403, "M_FORBIDDEN", gone)
        self.assertEqual("leave", await self.membership(room_id, self.bob))
        self.assertEqual([], (await self.bob.client.get(f"{V3}/joined_rooms")).json["joined_rooms"])

    async def test_banning(self) -> None:
        """The banned cannot come back, be invited, or knock, until they are unbanned."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        banned = await self.alice.act(room_id, "ban", user_id=self.bob.user_id)

        self.assertEqual(200, banned.status)
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.join(room_id))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.act(room_id, "leave"))
        self.assert_refused(403, "M_FORBIDDEN", await self.alice.act(room_id, "invite", user_id=self.bob.user_id))
        self.assert_refused(403, "M_FORBIDDEN", await self.alice.act(room_id, "kick", user_id=self.bob.user_id))
        self.assert_refused(403, "M_BAD_STATE", await self.alice.act(room_id, "unban", user_id=self.carol.user_id))
        self.assert_refused(403, "M_FORBIDDEN", await self.carol.act(room_id, "unban", user_id=self.bob.user_id))
        self.assertEqual(200, (await self.alice.act(room_id, "unban", user_id=self.bob.user_id)).status)
        self.assertEqual(200, (await self.bob.join(room_id)).status)

    async def test_knocking(self) -> None:
        """A room that is knocked at lets in who is then invited; others do not hear knocking."""
        room_id = await self.alice.create_room(
            initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]
        )
        shut = await self.alice.create_room()
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.join(room_id))
        knocked = await self.bob.client.post(f"{V3}/knock/{room_id}", {"reason": "please"})

        self.assertEqual({"room_id": room_id}, knocked.json)
        self.assertEqual("knock", await self.membership(room_id, self.bob))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.client.post(f"{V3}/knock/{shut}", {}))
        await self.alice.act(room_id, "invite", user_id=self.bob.user_id)
        self.assertEqual(200, (await self.bob.join(room_id)).status)
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.client.post(f"{V3}/knock/{room_id}", {}))

    async def test_restricted_rooms(self) -> None:
        """Members of one room may join another; everybody else may not, unless invited."""
        club = await self.alice.create_room(preset="public_chat")
        for join_rule, version in (("restricted", "9"), ("knock_restricted", "10"), ("restricted", "12")):
            rules = {"join_rule": join_rule, "allow": [{"type": "m.room_membership", "room_id": club}]}
            room_id = await self.alice.create_room(
                room_version=version, initial_state=[{"type": "m.room.join_rules", "content": rules}]
            )
            await self.bob.join(club)
            joined = await self.bob.join(room_id)
            content = (await self.alice.state(room_id, "m.room.member", self.bob.user_id)).json
            refused = await self.carol.join(room_id)
            await self.alice.act(room_id, "invite", user_id=self.carol.user_id)

            self.assertEqual(200, joined.status, joined.body)
            self.assertEqual(self.alice.user_id, content["join_authorised_via_users_server"])
            self.assert_refused(403, "M_FORBIDDEN", refused)
            self.assertEqual(200, (await self.carol.join(room_id)).status)

    async def test_a_condition_that_nobody_can_check_is_not_met(self) -> None:
        """Where no other server is in the room that could.  Spec: client-server-api#restricted-rooms"""
        for allow in ([{"type": "m.room_membership", "room_id": "!unknown:localhost"}], [{"type": "m.x"}, 5], "all"):
            rules = {"join_rule": "restricted", "allow": allow}
            room_id = await self.alice.create_room(initial_state=[{"type": "m.room.join_rules", "content": rules}])

            self.assert_refused(403, "M_FORBIDDEN", await self.bob.join(room_id))

    async def test_forgetting(self) -> None:
        """Who has left may forget, and sees nothing of the room from then on."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        early = await self.bob.act(room_id, "forget")
        await self.bob.act(room_id, "leave")
        before = await self.bob.room(room_id, "state")
        forgotten = await self.bob.act(room_id, "forget")
        after = await self.bob.room(room_id, "state")

        self.assert_refused(400, "M_UNKNOWN", early)
        self.assertEqual((200, 200), (before.status, forgotten.status))
        self.assert_refused(403, "M_FORBIDDEN", after)
        self.assert_refused(403, "M_FORBIDDEN", await self.carol.act(room_id, "forget"))
        self.assertEqual(200, (await self.bob.join(room_id)).status)
        self.assertEqual(200, (await self.bob.room(room_id, "state")).status)

    async def test_guests(self) -> None:
        """Guests come in where the room lets them, and neither knock nor invite."""
        guest = await self.api.user("guest", is_guest=True)
        shut = await self.alice.create_room(preset="public_chat")
        content = {"guest_access": "can_join"}
        door = await self.alice.create_room(
            preset="public_chat", initial_state=[{"type": "m.room.guest_access", "content": content}]
        )

        self.assert_refused(403, "M_GUEST_ACCESS_FORBIDDEN", await guest.join(shut))
        self.assertEqual(200, (await guest.join(door)).status)
        self.assertEqual(403, (await guest.client.post(f"{V3}/knock/{shut}", {})).status)
        self.assertEqual(403, (await guest.act(door, "invite", user_id=self.bob.user_id)).status)

    async def test_bad_input(self) -> None:
        """Each endpoint answers what is malformed with the spec's error."""
        room_id = await self.alice.create_room()
        bad: list[tuple[str, Any, str]] = [
            (f"rooms/{room_id}/invite", {"user_id": 5}, "M_BAD_JSON"),
            (f"rooms/{room_id}/invite", {"user_id": "bob"}, "M_INVALID_PARAM"),
            (f"rooms/{room_id}/kick", {}, "M_MISSING_PARAM"),
            (f"rooms/{room_id}/ban", {"user_id": "@b:localhost", "reason": 5}, "M_BAD_JSON"),
            (f"rooms/{room_id}/unban", [], "M_BAD_JSON"),
            (f"rooms/{room_id}/leave", b"{", "M_NOT_JSON"),
            ("rooms/nowhere/leave", {}, "M_INVALID_PARAM"),
            ("rooms/nowhere/forget", {}, "M_INVALID_PARAM"),
            ("join/nowhere", {}, "M_INVALID_PARAM"),
            ("knock/nowhere", {}, "M_INVALID_PARAM"),
            (f"join/{room_id}", {"third_party_signed": 5}, "M_BAD_JSON"),
        ]
        for path, body, errcode in bad:
            self.assert_refused(400, errcode, await self.alice.client.post(f"{V3}/{path}", body))
        for action in ("invite", "kick", "ban", "unban"):
            response = await self.alice.act("!nowhere:localhost", action, user_id=self.bob.user_id)

            self.assert_refused(403, "M_FORBIDDEN", response)
