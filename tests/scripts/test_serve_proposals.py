"""The whole server with the proposals of its folder."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from conf.reading import parse_settings
from homeserver.http.request import EdgeSite
from scripts.serve import start
from tests.client import Client
from tests.waiting import until

V3 = "/_matrix/client/v3"
V1 = "/_matrix/client/v1"
URL = "https://rtc.example.org/jwt"
CLUSTER = {"url": "wss://rtc.example.org", "api_key": "key", "api_secret": "s" * 32}


class ProposalTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        settings = parse_settings(
            {
                "listeners": [{"port": 0}],
                "passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8},
                "rtc": {"transports": [{"type": "livekit", "livekit_service_url": URL}], "livekit": CLUSTER},
                "delayed_events": {"delay_max_seconds": 60, "scheduled_max": 7},
            },
            Path(folder.name),
        )
        self.server = await start(settings, reactor)
        self.addCleanup(self.server.stop)
        self.stranger = Client(EdgeSite(self.server.edge, self.server.settings.http, reactor))
        self.alice = await self.registered("alice")

    async def test_they_are_advertised(self) -> None:
        """Each under its name."""
        features = (await self.stranger.get("/_matrix/client/versions")).json["unstable_features"]
        capabilities = (await self.alice.get(f"{V3}/capabilities")).json["capabilities"]
        known = (await self.stranger.get("/.well-known/matrix/client")).json

        for name in (
            "org.matrix.msc3391",
            "org.matrix.msc3912",
            "org.matrix.msc4108",
            "org.matrix.msc4140",
            "org.matrix.msc4143",
            "org.matrix.msc4293",
            "org.matrix.msc4354",
            "fi.mau.msc2815",
        ):
            self.assertIs(True, features[name], name)
        self.assertIs(True, features["io.element.msc4388"])
        self.assertEqual(
            {"max_delay_ms": 60_000, "max_scheduled": 7}, capabilities["org.matrix.msc4140.delayed_events"]
        )
        self.assertEqual([{"type": "livekit", "livekit_service_url": URL}], known["org.matrix.msc4143.rtc_foci"])

    async def test_a_call_is_joined_and_left(self) -> None:
        """As a client does that may fall silent: a leaving is scheduled, put off, and sent; all of it sticky."""
        room_id = (await self.alice.post(f"{V3}/createRoom", {"preset": "public_chat"})).json["room_id"]
        transports = (await self.alice.get(f"{V1}/rtc/transports")).json["rtc_transports"]
        sticky = {"org.matrix.msc4354.sticky_duration_ms": 60_000}
        path = f"{V3}/rooms/{room_id}/send/m.rtc.member"
        delay = {**sticky, "org.matrix.msc4140.delay": 60_000}
        put_off = (await self.alice.put(f"{path}/never", {"body": "never"}, **delay)).json["delay_id"]
        await self.alice.put(f"{path}/join", {"body": "join"}, **sticky)
        action = f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{put_off}"
        restarted = await self.alice.post(action, {"action": "restart"})
        await self.alice.post(action, {"action": "cancel"})
        since = (await self.alice.get(f"{V3}/sync")).json["next_batch"]
        soon = {**sticky, "org.matrix.msc4140.delay": 50}
        leaving = (await self.alice.put(f"{path}/leave", {"body": "leave"}, **soon)).json["delay_id"]

        async def news() -> Any:
            answer = (await self.alice.get(f"{V3}/sync", since=since, timeout=5_000)).json
            return answer.get("rooms", {}).get("join", {}).get(room_id)

        heard = await until(news, "the leaving is sent")
        bob = await self.registered("bob")
        await bob.post(f"{V3}/join/{room_id}", {})
        brief = '{"room": {"timeline": {"limit": 1}}}'
        seen = (await bob.get(f"{V3}/sync", filter=brief)).json["rooms"]["join"][room_id]

        own, service = transports
        self.assertEqual({"type": "livekit", "livekit_service_url": URL}, service)
        seat = {"room_id": room_id, "slot_id": "m.call#ROOM", "member": {"id": "x"}, "url": own["url"]}
        admitted = (await self.alice.post(f"{V1}/rtc/livekit/get_token", seat)).json
        self.assertEqual((CLUSTER["url"], 3), (admitted["url"], len(admitted["jwt"].split("."))))
        self.assertEqual(200, restarted.status)
        event = heard["timeline"]["events"][-1]
        self.assertEqual(
            ("leave", leaving), (event["content"]["body"], event["unsigned"]["org.matrix.msc4140.delay_id"])
        )
        self.assertEqual(["join", "leave"], [event["content"]["body"] for event in seen["msc4354_sticky"]["events"]])
        self.assertNotIn("org.matrix.msc4140.delay_id", str(seen))
        left = seen["msc4354_sticky"]["events"][0]["unsigned"]["msc4354_sticky_duration_ttl_ms"]
        self.assertTrue(0 < left < 60_000)

    async def test_sliding_sync_tells_what_is_sticky(self) -> None:
        """All of a room that is new to the client, and then what is new, once."""
        room_id = (await self.alice.post(f"{V3}/createRoom", {})).json["room_id"]
        path = f"{V3}/rooms/{room_id}/send/m.rtc.member"
        sticky = {"org.matrix.msc4354.sticky_duration_ms": 60_000}
        name = "org.matrix.msc4354.sticky_events"
        body: Any = {
            "lists": {"all": {"ranges": [[0, 9]], "required_state": [], "timeline_limit": 1}},
            "extensions": {name: {"enabled": True}},
        }
        sliding = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
        told: list[Any] = []
        query: dict[str, Any] = {}
        await self.alice.put(f"{path}/0", {"body": "0"}, **sticky)
        for number in (1, 2):
            await self.alice.put(f"{path}/{number}", {"body": str(number)}, **sticky)
            answer = (await self.alice.post(sliding, body, **query)).json
            query = {"pos": answer["pos"]}
            events = answer["extensions"][name]["rooms"][room_id]["events"]
            told.append([event["content"]["body"] for event in events])
        silent = (await self.alice.post(sliding, body, **query)).json

        self.assertEqual([["0", "1"], ["2"]], told)
        self.assertNotIn(name, silent["extensions"])

    async def test_account_data_and_rendezvous(self) -> None:
        """Nothing written is nothing kept; two devices meet."""
        path = f"{V3}/user/@alice:localhost/account_data/org.example"
        await self.alice.put(path, {"a": 1})
        await self.alice.delete(path)
        meeting = await self.alice.post(f"{V1}/rendezvous", {"data": "hello"})

        self.assertEqual(404, (await self.alice.get(path)).status)
        found = await self.stranger.get(f"{V1}/rendezvous/{meeting.json['id']}")
        self.assertEqual("hello", found.json["data"])

    async def test_redactions_that_go_on(self) -> None:
        """With what relates to an event, with who said it; and what was redacted is there for who may redact."""
        bob = await self.registered("bob")
        room_id = (await self.alice.post(f"{V3}/createRoom", {"preset": "public_chat"})).json["room_id"]
        await bob.post(f"{V3}/join/{room_id}", {})
        room = f"{V3}/rooms/{room_id}"
        root = (await bob.put(f"{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "root"})).json["event_id"]
        relation = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
        reply = (
            await bob.put(f"{room}/send/m.room.message/2", {"msgtype": "m.text", "body": "reply", **relation})
        ).json["event_id"]
        other = (await bob.put(f"{room}/send/m.room.message/3", {"msgtype": "m.text", "body": "other"})).json[
            "event_id"
        ]

        async def redacted(event_id: str) -> bool:
            return "redacted_because" in (await self.alice.get(f"{room}/event/{event_id}")).json["unsigned"]

        async def comes_to_be(event_id: str) -> None:
            await until(lambda: redacted(event_id), "the event is redacted", pause=0.02)

        await bob.put(f"{room}/redact/{root}/4", {"with_rel_types": ["m.thread"]})
        await comes_to_be(reply)
        self.assertFalse(await redacted(other))
        await self.alice.post(f"{room}/ban", {"user_id": "@bob:localhost", "redact_events": True})
        await comes_to_be(other)
        seen = await self.alice.get(f"{room}/event/{other}", include_unredacted_content="true")
        self.assertEqual("other", seen.json["content"]["body"])
        proof = {"type": "m.login.password", "password": "a good one"}
        whose = {"identifier": {"type": "m.id.user", "user": "bob"}}
        ended = await bob.post(f"{V3}/account/deactivate", {"auth": {**proof, **whose}, "erase": True})
        gone = await self.alice.get(f"{room}/event/{other}", include_unredacted_content="true")
        self.assertEqual((200, 404, "M_UNREDACTED_CONTENT_DELETED"), (ended.status, gone.status, gone.errcode))

    async def test_rooms_of_proposed_versions(self) -> None:
        """They are there for who asks for them, and nobody else gets one."""
        versions = (await self.alice.get(f"{V3}/capabilities")).json["capabilities"]["m.room_versions"]
        proposed = "org.matrix.msc3757.11"
        body = {"preset": "public_chat", "room_version": proposed, "power_level_content_override": {"state_default": 0}}
        room_id = (await self.alice.post(f"{V3}/createRoom", body)).json["room_id"]
        bob = await self.registered("bob")
        await bob.post(f"{V3}/join/{room_id}", {})
        state = f"{V3}/rooms/{room_id}/state"
        own = await bob.put(f"{state}/x.example/@bob:localhost_DEVICE", {})
        foreign = await bob.put(f"{state}/x.example/@alice:localhost_DEVICE", {})
        mended = await self.alice.put(f"{state}/x.example/@bob:localhost_DEVICE", {"by": "alice"})

        self.assertEqual(("unstable", "stable"), (versions["available"][proposed], versions["available"]["11"]))
        self.assertEqual("12", versions["default"])
        self.assertEqual([200, 403, 200], [answer.status for answer in (own, foreign, mended)])
        self.assertEqual(proposed, (await bob.get(f"{state}/m.room.create/")).json["room_version"])

    async def registered(self, name: str) -> Client:
        account = {"username": name, "password": "a good one", "auth": {"type": "m.login.dummy"}}
        response: Any = await self.stranger.post(f"{V3}/register", account)
        return self.stranger.signed_in(response.json["access_token"])
