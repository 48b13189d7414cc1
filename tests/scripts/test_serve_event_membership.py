"""
What readers were at each event is told wherever the whole server tells of events.

Spec: client-server-api#room-event-format
"""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from conf.reading import parse_settings
from homeserver.http.request import EdgeSite
from scripts.serve import start
from tests.client import Client, Response
from tests.waiting import until

V3 = "/_matrix/client/v3"
V1 = "/_matrix/client/v1"


def events_in(answer: Any) -> Iterator[tuple[str, Any]]:
    """The ID of each event that a client finds anywhere in an answer, and its membership, None where it has none."""
    if isinstance(answer, dict):
        if {"event_id", "content", "sender", "unsigned"} <= answer.keys():
            yield answer["event_id"], answer["unsigned"].get("membership")
        for value in answer.values():
            yield from events_in(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from events_in(value)


class EventMembershipTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        settings = parse_settings(
            {"listeners": [{"port": 0}], "passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8}},
            Path(folder.name),
        )
        self.server = await start(settings, reactor)
        self.addCleanup(self.server.stop)
        self.stranger = Client(EdgeSite(self.server.edge, self.server.settings.http, reactor))
        self.alice, self.bob = [await self.registered(name) for name in ("alice", "bob")]
        body = {"preset": "private_chat", "initial_state": []}
        self.room_id = (await self.alice.post(f"{V3}/createRoom", body)).json["room_id"]
        self.room = f"{V3}/rooms/{self.room_id}"

    async def registered(self, name: str) -> Client:
        account = {"username": name, "password": "a good one", "auth": {"type": "m.login.dummy"}}
        response: Any = await self.stranger.post(f"{V3}/register", account)
        return self.stranger.signed_in(response.json["access_token"])

    async def say(self, text: str, by: Client | None = None, **content: Any) -> str:
        path = f"{self.room}/send/m.room.message/{text}"
        body = {"msgtype": "m.text", "body": f"moot {text}", **content}
        return str((await (by or self.alice).put(path, body)).json["event_id"])

    def related(self, to: str, kind: str) -> dict[str, Any]:
        more = {"m.new_content": {"msgtype": "m.text", "body": "moot new"}} if kind == "m.replace" else {}
        return {"m.relates_to": {"rel_type": kind, "event_id": to}, **more}

    async def test_everywhere(self) -> None:
        """Pages, contexts, single events, relations, threads, searches, syncs of both kinds, notifications."""
        root = await self.say("root")
        early = await self.say("early", **self.related(root, "m.thread"))
        await self.alice.post(f"{self.room}/invite", {"user_id": "@bob:localhost"})
        invited = await self.say("invited")
        await self.bob.post(f"{V3}/join/{self.room_id}", {})
        late = await self.say("late", **self.related(root, "m.thread"))
        replaced = await self.say("replaced", **self.related(late, "m.replace"))
        loud = await self.say("bob")
        expected = {root: "leave", early: "leave", invited: "invite", late: "join", replaced: "join", loud: "join"}
        search = {"search_categories": {"room_events": {"search_term": "moot", "event_context": {"after_limit": 5}}}}
        sliding = {"lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 50, "required_state": []}}}
        whole = json.dumps({"room": {"timeline": {"limit": 50}}})
        threads = f"{V1}/rooms/{self.room_id}/threads"
        relations = f"{V1}/rooms/{self.room_id}/relations/{root}"
        answers = {
            "messages": (await self.bob.get(f"{self.room}/messages", dir="b", limit=50), set(expected)),
            "context": (await self.bob.get(f"{self.room}/context/{invited}", limit=50), set(expected)),
            "event": (await self.bob.get(f"{self.room}/event/{early}"), {early}),
            "bundles": (await self.bob.get(f"{self.room}/event/{root}"), {root, late, replaced}),
            "relations": (await self.bob.get(relations, recurse="true"), {early, late, replaced}),
            "threads": (await self.bob.get(threads), {root, late, replaced}),
            "sync": (await self.bob.get(f"{V3}/sync", filter=whole), set(expected)),
            "sliding": (
                await self.bob.post("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", sliding),
                {loud, late, replaced},
            ),
            "notifications": (await self.bob.get(f"{V3}/notifications"), {loud}),
        }

        async def found() -> Response | None:
            answer = await self.bob.post(f"{V3}/search", search)
            results = answer.json["search_categories"]["room_events"]["results"]
            # The one that was replaced is found by what it says now.
            return answer if len(results) == len(expected) - 1 else None

        # Words are indexed a little later.
        answers["search"] = (await until(found, "all are found"), set(expected))

        for name, (answer, at_least) in answers.items():
            self.assertEqual(200, answer.status, (name, answer.body))
            memberships = [each for each in events_in(answer.json) if each[0] in expected]
            self.assertLessEqual(at_least, {event_id for event_id, _ in memberships}, name)
            for event_id, membership in memberships:
                self.assertEqual(expected[event_id], membership, (name, event_id))
