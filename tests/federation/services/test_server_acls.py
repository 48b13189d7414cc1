"""Tests of rooms that deny a server: at every endpoint that the spec lists, and for what transactions hold."""

from twisted.trial.unittest import TestCase

from federation.core.paths import FEDERATION_V1, FEDERATION_V2
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID
from tests.federation.servers import ALICE, BOB, DAVE, ERIN, ONE, TWO, Federation

V1, V2 = FEDERATION_V1, FEDERATION_V2


class ServerAclTests(Federation, TestCase):
    """Both are in a room that has come to deny two.example."""

    room_id: RoomID

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        levels: JSONObject = {"invite": 0}
        self.room_id = await self.one.create(ALICE, preset="public_chat", power_level_content_override=levels)
        await self.two.join(BOB, self.room_id, ONE)
        self.event_id: EventID = await self.one.send(ALICE, self.room_id, "hello")
        await self.settle(self.room_id)
        self.open_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, self.open_id, ONE)
        await self.settle(self.open_id)
        await self.hush()
        acl: JSONObject = {"allow": ["*"], "deny": ["t?o.*"]}
        await self.one.set_state(ALICE, self.room_id, "m.room.server_acl", acl)

    async def test_every_endpoint_refuses_a_denied_server(self) -> None:
        """With 403 M_FORBIDDEN; in another room the same server may do all of it."""
        room, event = self.room_id, self.event_id
        live = await self.two.room(room)
        member = await self.two.composer.compose(live, Draft("m.room.member", BOB, {"membership": "leave"}, BOB))
        invite: JSONObject = {"membership": "invite"}
        invited = await self.two.composer.compose(live, Draft("m.room.member", BOB, invite, DAVE))
        asked: list[tuple[str, str, object]] = [
            ("GET", f"{V1}/make_join/{room}/{ERIN}?ver=12", None),
            ("GET", f"{V1}/make_leave/{room}/{BOB}", None),
            ("GET", f"{V1}/make_knock/{room}/{ERIN}?ver=12", None),
            ("PUT", f"{V2}/send_join/{room}/{member.event_id}", member.pdu),
            ("PUT", f"{V2}/send_leave/{room}/{member.event_id}", member.pdu),
            ("PUT", f"{V1}/send_knock/{room}/{member.event_id}", member.pdu),
            (
                "PUT",
                f"{V2}/invite/{room}/{invited.event_id}",
                {"room_version": "12", "event": invited.pdu, "invite_room_state": await self.shown()},
            ),
            # Whatever else is wrong with it.
            ("PUT", f"{V2}/invite/{room}/{member.event_id}", {"room_version": "99", "event": {}}),
            ("PUT", f"{V1}/invite/{room}/{member.event_id}", member.pdu),
            ("GET", f"{V1}/state/{room}?event_id={event}", None),
            ("GET", f"{V1}/state_ids/{room}?event_id={event}", None),
            ("GET", f"{V1}/backfill/{room}?v={event}&limit=5", None),
            ("GET", f"{V1}/event_auth/{room}/{event}", None),
            ("POST", f"{V1}/get_missing_events/{room}", {"earliest_events": [], "latest_events": [event]}),
            ("GET", f"{V1}/event/{event}", None),
            ("GET", f"{V1}/timestamp_to_event/{room}?ts=1&dir=f", None),
        ]
        for method, target, body in asked:
            with self.subTest(target=target):
                answer = await self.two.request(self.one, method, target, body)
                self.assertEqual((403, "M_FORBIDDEN"), (answer.status, answer.errcode), answer.body)
        allowed = await self.two.request(self.one, "GET", f"{V1}/make_join/{self.open_id}/{ERIN}?ver=12")
        self.assertEqual(200, allowed.status)

    async def shown(self) -> list[JSONObject]:
        live = await self.two.room(self.room_id)
        entry = await self.two.known.by_id(live.state["m.room.create", ""])
        assert entry is not None
        return [entry.event.pdu]

    async def test_transactions_are_looked_at_piece_by_piece(self) -> None:
        """Events, typing and receipts of the denied server count in other rooms alone, within one transaction."""
        denied = await self.two.send(BOB, self.room_id, "denied")
        fine = await self.two.send(BOB, self.open_id, "fine")
        pdus = []
        for event_id in (denied, fine):
            entry = await self.two.entry(event_id)
            assert entry is not None
            pdus.append(entry.event.pdu)
        edus = [
            {"edu_type": "m.typing", "content": {"room_id": room, "user_id": BOB, "typing": True}}
            for room in (self.room_id, self.open_id)
        ]
        read = {"m.read": {BOB: {"event_ids": [self.event_id], "data": {"ts": 1}}}}
        edus.append({"edu_type": "m.receipt", "content": {self.room_id: read}})
        body = {"origin": TWO, "origin_server_ts": 1, "pdus": pdus, "edus": edus}
        answer = await self.two.request(self.one, "PUT", f"{V1}/send/t1", body)
        results = answer.json["pdus"]

        self.assertIn("error", results[denied])
        self.assertEqual({}, results[fine])
        self.assertIsNone(await self.one.entry(denied))
        self.assertEqual(set(), set(self.one.typing.in_room(self.room_id)))
        self.assertEqual({BOB}, set(self.one.typing.in_room(self.open_id)))
