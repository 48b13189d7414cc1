"""Sending over HTTP."""

from typing import Any

from tests.room_api import V3, RoomAPICase

TEXT = {"msgtype": "m.text", "body": "hello"}


class SendingTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")

    def path(self, kind: str = "m.room.message", transaction: str = "t") -> str:
        return f"{V3}/rooms/{self.room_id}/send/{kind}/{transaction}"

    async def test_a_transaction_counts_once(self) -> None:
        """The same request again is the same event; for another device, event type or room it is another."""
        other = await self.alice.create_room()
        first = (await self.alice.client.put(self.path(), TEXT)).json
        again = (await self.alice.client.put(self.path(), {**TEXT, "body": "changed"})).json
        kind = (await self.alice.client.put(self.path("m.sticker"), TEXT)).json
        device = (await self.alice.other_device.client.put(self.path(), TEXT)).json
        room = (await self.alice.client.put(f"{V3}/rooms/{other}/send/m.room.message/t", TEXT)).json

        self.assertEqual(first, again)
        self.assertEqual(4, len({answer["event_id"] for answer in (first, kind, device, room)}))
        self.assertEqual(["hello", "hello"], await self.alice.texts(self.room_id))

    async def test_a_transaction_is_its_path(self) -> None:
        """
        What a redaction redacts tells requests apart by their paths alone; a retransmission is answered as the first
        was, also when its sender could not send it anew.

        Spec: client-server-api#transaction-identifiers
        """
        await self.bob.join(self.room_id)
        one, other = [await self.bob.say(self.room_id, text) for text in ("one", "other")]
        room = f"{V3}/rooms/{self.room_id}"
        kind = self.path("m.room.redaction")
        sent = (await self.bob.client.put(kind, {"redacts": one})).json
        again = (await self.bob.client.put(kind, {"redacts": other})).json
        redacted = [(await self.bob.client.put(f"{room}/redact/{each}/t", {})).json for each in (one, other, other)]
        said = (await self.bob.client.put(self.path(transaction="last"), TEXT)).json
        await self.alice.act(self.room_id, "kick", user_id=self.bob.user_id)
        after = (await self.bob.client.put(self.path(transaction="last"), TEXT)).json
        still = (await self.bob.client.put(f"{room}/redact/{one}/t", {})).json

        self.assertEqual(sent, again)
        self.assertEqual(redacted[1], redacted[2])
        self.assertEqual(3, len({answer["event_id"] for answer in (sent, *redacted)}))
        self.assertEqual((said, redacted[0]), (after, still))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.client.put(self.path(transaction="new"), TEXT))

    async def test_only_the_sending_device_sees_its_transaction_id(self) -> None:
        """Spec: client-server-api#transaction-identifiers"""
        event_id = (await self.alice.client.put(self.path(transaction="mine"), TEXT)).json["event_id"]
        await self.bob.join(self.room_id)

        async def seen_by(user: Any) -> Any:
            event = (await user.room(self.room_id, f"event/{event_id}")).json
            return event["unsigned"].get("transaction_id")

        self.assertEqual("mine", await seen_by(self.alice))
        self.assertIsNone(await seen_by(self.alice.other_device))
        self.assertIsNone(await seen_by(self.bob))

    async def test_only_members_send(self) -> None:
        """Strangers, the invited and who has left are refused; so is who lacks the level."""
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.client.put(self.path(), TEXT))
        await self.bob.join(self.room_id)
        self.assertEqual(200, (await self.bob.client.put(self.path(), TEXT)).status)
        self.assert_refused(
            403, "M_FORBIDDEN", await self.bob.set_state(self.room_id, "m.room.name", {"name": "Bob's"})
        )
        await self.bob.act(self.room_id, "leave")
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.client.put(self.path(transaction="u"), TEXT))

    async def test_messages_have_a_type_and_a_body(self) -> None:
        """Other events may lack them.  Spec: client-server-api#instant-messaging"""
        for wrong in (
            {},
            {"msgtype": "m.text"},
            {"body": "x"},
            {"msgtype": 1, "body": "x"},
            {"msgtype": "m.text", "body": None},
        ):
            self.assert_refused(400, "M_BAD_JSON", await self.alice.client.put(self.path(), wrong))
        self.assertEqual(200, (await self.alice.client.put(self.path("x.example"), {})).status)

    async def test_no_content_is_not_empty_content(self) -> None:
        """Neither of messages nor of state."""
        for path in (self.path("x.example"), f"{V3}/rooms/{self.room_id}/state/x.example"):
            self.assert_refused(400, "M_NOT_JSON", await self.alice.client.put(path))

    async def test_state(self) -> None:
        """State is set with and without a key; the same again is the same event."""
        first = await self.alice.set_state(self.room_id, "m.room.name", {"name": "Moot"})
        again = await self.alice.set_state(self.room_id, "m.room.name", {"name": "Moot"})
        bare = await self.alice.client.put(f"{V3}/rooms/{self.room_id}/state/m.room.topic", {"topic": "All"})
        keyed = await self.alice.set_state(self.room_id, "x.example", {"a": 1}, "key")

        self.assertEqual(first.json, again.json)
        self.assertEqual((200, 200), (bare.status, keyed.status))
        self.assertEqual({"topic": "All"}, (await self.alice.state(self.room_id, "m.room.topic")).json)
        self.assertEqual({"a": 1}, (await self.alice.state(self.room_id, "x.example", "key")).json)
        self.assert_refused(404, "M_NOT_FOUND", await self.alice.state(self.room_id, "x.example", "other"))

    async def test_state_keys_that_are_user_ids_belong_to_them(self) -> None:
        """A key that begins with @ is its user's alone."""
        await self.bob.join(self.room_id)
        levels = (await self.alice.state(self.room_id, "m.room.power_levels")).json
        levels["events"]["x.example"] = 0
        await self.alice.set_state(self.room_id, "m.room.power_levels", levels)
        own = await self.bob.set_state(self.room_id, "x.example", {}, self.bob.user_id)
        foreign = await self.bob.set_state(self.room_id, "x.example", {}, self.alice.user_id)

        self.assertEqual(200, own.status)
        self.assert_refused(403, "M_FORBIDDEN", foreign)

    async def test_membership_as_state(self) -> None:
        """Members are state too: who sets them is held to the same rules."""
        invited = await self.alice.set_state(self.room_id, "m.room.member", {"membership": "invite"}, self.bob.user_id)
        for_another = await self.alice.set_state(
            self.room_id, "m.room.member", {"membership": "join"}, self.carol.user_id
        )
        odd = await self.alice.set_state(self.room_id, "m.room.member", {"membership": "join"}, "nobody")
        none = await self.alice.set_state(self.room_id, "m.room.member", {"membership": 5}, self.carol.user_id)

        self.assertEqual(200, invited.status)
        for refused in (for_another, odd, none):
            self.assertIn(refused.status, {400, 403}, refused.body)

    async def test_redacting(self) -> None:
        """Senders and moderators take content away, once for each transaction; everybody sees that it is gone."""
        await self.bob.join(self.room_id)
        mine, other = await self.bob.say(self.room_id, "mine"), await self.alice.say(self.room_id, "hers")
        path = f"{V3}/rooms/{self.room_id}/redact/{mine}/t1"
        done = await self.bob.client.put(path, {"reason": "oops"})
        again = await self.bob.client.put(path, {})
        refused = await self.bob.client.put(f"{V3}/rooms/{self.room_id}/redact/{other}/t2", {})
        event = (await self.alice.room(self.room_id, f"event/{mine}")).json

        self.assertEqual((200, 200), (done.status, again.status))
        self.assertEqual(done.json, again.json)
        self.assert_refused(403, "M_FORBIDDEN", refused)
        self.assertEqual({}, event["content"])
        because = event["unsigned"]["redacted_because"]
        self.assertEqual((done.json["event_id"], "oops"), (because["event_id"], because["content"]["reason"]))
        moderated = await self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{other}/t", {})
        self.assertEqual(200, moderated.status)

    async def test_administrators_redact_what_their_users_said(self) -> None:
        """In rooms of every version that they are in, whatever their power; elsewhere they cannot."""
        root = await self.api.user("root", is_admin=True)
        for version in ("1", "11", "12"):
            room_id = await self.alice.create_room(preset="public_chat", room_version=version)
            event_id = await self.alice.say(room_id, "hers")
            path = f"{V3}/rooms/{room_id}/redact/{event_id}/t"
            self.assert_refused(403, "M_FORBIDDEN", await root.client.put(path, {}))
            await root.join(room_id)

            self.assertEqual(200, (await root.client.put(path, {})).status)
            self.assertEqual({}, (await self.alice.room(room_id, f"event/{event_id}")).json["content"])

    async def test_redacting_what_is_not_there(self) -> None:
        """Unknown events and those of other rooms are not found."""
        elsewhere = await self.alice.say(await self.alice.create_room(), "there")
        for event_id in ("$unknown", elsewhere):
            response = await self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{event_id}/t", {})

            self.assert_refused(404, "M_NOT_FOUND", response)

    async def test_a_redaction_says_what_it_redacts(self) -> None:
        """As an ordinary message too, in rooms of every version.  Spec: client-server-api#mroomredaction"""
        for version in ("1", "10", "11", "12"):
            room_id = await self.alice.create_room(room_version=version)
            path = f"{V3}/rooms/{room_id}/send/m.room.redaction"
            event_id = await self.alice.say(room_id, "mine")
            done = await self.alice.client.put(f"{path}/t1", {"redacts": event_id})

            self.assertEqual(200, done.status)
            self.assertEqual({}, (await self.alice.room(room_id, f"event/{event_id}")).json["content"])
            for content in ({}, {"redacts": 5}):
                self.assert_refused(400, "M_BAD_JSON", await self.alice.client.put(f"{path}/t2", content))

    async def test_canonical_aliases_point_to_the_room(self) -> None:
        """Spec: client-server-api#mroomcanonical_alias"""
        await self.alice.client.put(f"{V3}/directory/room/%23here:localhost", {"room_id": self.room_id})
        other = await self.alice.create_room(room_alias_name="there")
        good = await self.alice.set_state(self.room_id, "m.room.canonical_alias", {"alias": "#here:localhost"})

        self.assertEqual(200, good.status)
        for alias in ("#nowhere:localhost", "#there:localhost"):
            response = await self.alice.set_state(self.room_id, "m.room.canonical_alias", {"alias": alias})
            self.assert_refused(400, "M_BAD_ALIAS", response)
        for content in ({"alias": "here"}, {"alt_aliases": "x"}, {"alt_aliases": [5]}):
            response = await self.alice.set_state(self.room_id, "m.room.canonical_alias", content)
            self.assert_refused(400, "M_INVALID_PARAM", response)
        self.assertNotEqual(other, self.room_id)

    async def test_bad_input(self) -> None:
        """Malformed JSON, what no event can hold, and what is too large."""
        bad: list[tuple[Any, int, str]] = [
            (b"{", 400, "M_NOT_JSON"),
            ([], 400, "M_BAD_JSON"),
            ("text", 400, "M_BAD_JSON"),
            ({"float": 1.5}, 400, "M_BAD_JSON"),
            ({"large": 2**60}, 400, "M_BAD_JSON"),
            ({**TEXT, "body": "x" * 66_000}, 413, "M_TOO_LARGE"),
            (b'{"surrogate": "\\ud800"}', 400, "M_NOT_JSON"),
        ]
        for body, status, errcode in bad:
            for path in (self.path(), f"{V3}/rooms/{self.room_id}/state/x.example/"):
                response = await self.alice.client.put(path, body)

                self.assertEqual((status, errcode), (response.status, response.errcode), (body, response.body))
        long_type = await self.alice.client.put(self.path("x" * 300), {})
        self.assertIn(long_type.status, {400, 413})
        self.assert_refused(403, "M_FORBIDDEN", await self.alice.set_state("!nowhere:localhost", "m.room.name", {}))
        self.assert_refused(
            400, "M_INVALID_PARAM", await self.alice.client.put(f"{V3}/rooms/x/send/m.room.message/t", {})
        )
