"""Search over HTTP: what is found, by whom, and what comes with it."""

from typing import Any

from tests.client import Response
from tests.databases import each_database
from tests.room_api import V3, RoomAPICase, User


@each_database
class SearchTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat", name="The orchard")

    async def ask(self, user: User, term: str, next_batch: str | None = None, **wanted: Any) -> Response:
        body = {"search_categories": {"room_events": {"search_term": term, **wanted}}}
        query = {} if next_batch is None else {"next_batch": next_batch}
        return await user.client.post(f"{V3}/search", body, **query)

    async def look(self, user: User, term: str, next_batch: str | None = None, **wanted: Any) -> Any:
        answer = await user.ok(self.ask(user, term, next_batch, **wanted))
        return answer["search_categories"]["room_events"]

    async def found(self, user: User, term: str, **wanted: Any) -> list[str]:
        """The texts of the results, newest first."""
        answer = await self.look(user, term, order_by="recent", **wanted)
        contents = [result["result"]["content"] for result in answer["results"]]
        return [content.get("body") or content.get("name") or content.get("topic") for content in contents]

    async def test_what_was_acknowledged_is_found(self) -> None:
        """Messages, names and topics, at once, each by its key, in every room that the user is in."""
        self.api.clock.advance(1)
        await self.alice.say(self.room_id, "An apple a day")
        self.api.clock.advance(1)
        other = await self.alice.create_room(name="Apples", topic="all about apple trees")
        self.api.clock.advance(1)
        await self.alice.say(other, "りんごを食べました")

        self.assertEqual(["all about apple trees", "An apple a day"], await self.found(self.alice, "APPLE"))
        self.assertEqual(["Apples"], await self.found(self.alice, "apples"))
        self.assertEqual(["りんごを食べました"], await self.found(self.alice, "りんご"))
        self.assertEqual(["An apple a day"], await self.found(self.alice, "apple", keys=["content.body"]))
        self.assertEqual(["The orchard"], await self.found(self.alice, "orchard", keys=["content.name"]))
        self.assertEqual([], await self.found(self.alice, "orchard", keys=["content.topic"]))
        self.assertEqual([], await self.found(self.alice, "orchard", keys=[]))
        self.assertEqual([], await self.found(self.bob, "apple"))
        nothing = await self.look(self.alice, "...")
        self.assertEqual({"count": 0, "highlights": [], "results": []}, nothing)

    async def test_only_what_may_be_seen_is_found(self) -> None:
        """Who left finds what was said until then, who came later what history tells them, the forgotten is gone."""
        hidden = await self.alice.create_room(
            preset="public_chat",
            initial_state=[
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}
            ],
        )
        await self.alice.say(hidden, "apple before")
        await self.bob.join(hidden)
        await self.alice.say(hidden, "apple while")
        await self.bob.act(hidden, "leave")
        await self.alice.say(hidden, "apple after")

        self.assertEqual(["apple while"], await self.found(self.bob, "apple"))
        self.assertEqual(["apple after", "apple while", "apple before"], await self.found(self.alice, "apple"))
        await self.bob.join(hidden)
        await self.alice.say(hidden, "apple again")
        self.assertEqual(["apple again", "apple while"], await self.found(self.bob, "apple"))
        await self.bob.act(hidden, "leave")
        self.assertEqual(["apple again", "apple while"], await self.found(self.bob, "apple"))
        await self.bob.act(hidden, "forget")
        self.assertEqual([], await self.found(self.bob, "apple"))
        await self.carol.join(hidden)
        self.assertEqual([], await self.found(self.carol, "apple"))

    async def test_what_is_hidden_does_not_count(self) -> None:
        """The count tells nobody that something was said which they may not see, in rooms they left or are asked to."""
        room_id = await self.alice.create_room(preset="private_chat", invite=[self.bob.user_id, self.carol.user_id])
        await self.bob.join(room_id)
        await self.alice.say(room_id, "plum one")
        await self.bob.act(room_id, "leave")
        await self.alice.say(room_id, "plum two")

        counts = [(await self.look(user, "plum"))["count"] for user in (self.alice, self.bob, self.carol)]

        self.assertEqual([2, 1, 0], counts)

    async def test_the_ignored_the_redacted_and_the_encrypted(self) -> None:
        """None of it is found."""
        await self.bob.join(self.room_id)
        event_id = await self.alice.say(self.room_id, "apple one")
        await self.bob.say(self.room_id, "apple two")
        self.assertEqual(["apple two", "apple one"], await self.found(self.alice, "apple"))
        await self.alice.ok(self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{event_id}/x", {}))
        self.assertEqual(["apple two"], await self.found(self.alice, "apple"))
        await self.alice.ignore(self.bob)
        self.assertEqual([], await self.found(self.alice, "apple"))
        self.assertEqual(["apple two"], await self.found(self.bob, "apple"))
        await self.alice.set_state(self.room_id, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        self.assertEqual([], await self.found(self.bob, "apple"))

    async def test_edits(self) -> None:
        """A message is found by the text that its reader is shown, and only by that."""

        async def edit(text: str) -> str:
            self.api.clock.advance(1)
            content = {
                "msgtype": "m.text",
                "body": f"* {text}",
                "m.new_content": {"msgtype": "m.text", "body": text},
                "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
            }
            return await self.alice.send(self.room_id, content)

        await self.bob.join(self.room_id)
        event_id = await self.alice.say(self.room_id, "an aple")
        await edit("an appel")
        await self.bob.act(self.room_id, "leave")
        await self.alice.set_state(self.room_id, "m.room.history_visibility", {"history_visibility": "joined"})
        last = await edit("an apple")

        async def ids(user: User, term: str) -> list[str]:
            return [each["result"]["event_id"] for each in (await self.look(user, term))["results"]]

        self.assertEqual([event_id], await ids(self.alice, "apple"))
        self.assertEqual(([], []), (await ids(self.alice, "aple"), await ids(self.alice, "appel")))
        self.assertEqual(([event_id], []), (await ids(self.bob, "appel"), await ids(self.bob, "apple")))
        result = (await self.look(self.alice, "apple", event_context={"before_limit": 1}))["results"][0]
        shown, before = result["result"], result["context"]["events_before"]
        # What surrounds it is what surrounds the message, wherever the edit is.
        self.assertEqual(["m.room.member"], [event["type"] for event in before])
        self.assertEqual("an apple", shown["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"]["body"])
        await self.alice.ok(self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{last}/x", {}))
        self.assertEqual([event_id], await ids(self.alice, "appel"))
        await self.alice.ok(self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{event_id}/y", {}))
        self.assertEqual([], await ids(self.alice, "appel"))

    async def test_an_edit_by_another_replaces_nothing(self) -> None:
        """Nor is it found by itself."""
        await self.bob.join(self.room_id)
        event_id = await self.alice.say(self.room_id, "apple")
        content = {
            "msgtype": "m.text",
            "body": "* pear",
            "m.new_content": {"body": "pear"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
        }
        await self.bob.send(self.room_id, content)

        self.assertEqual((["apple"], []), (await self.found(self.alice, "apple"), await self.found(self.alice, "pear")))

    async def test_filters(self) -> None:
        """Rooms, senders, types and URLs are chosen as in any other filter."""
        other = await self.alice.create_room(preset="public_chat")
        for user in (self.bob, self.carol):
            await user.join(self.room_id)
        await self.alice.say(self.room_id, "apple one")
        await self.bob.say(self.room_id, "apple two", url="mxc://x/y")
        await self.alice.say(other, "apple three")
        await self.alice.set_state(other, "m.room.topic", {"topic": "apple topic"})
        for wanted, expected in (
            ({"rooms": [self.room_id]}, ["apple two", "apple one"]),
            ({"not_rooms": [self.room_id]}, ["apple topic", "apple three"]),
            ({"senders": ["@bob:localhost"]}, ["apple two"]),
            ({"not_senders": ["@alice:localhost"]}, ["apple two"]),
            ({"types": ["m.room.topic"]}, ["apple topic"]),
            ({"not_types": ["m.room.t*"]}, ["apple three", "apple two", "apple one"]),
            ({"contains_url": True}, ["apple two"]),
            ({"types": []}, []),
            ({"rooms": []}, []),
            ({"limit": 1}, ["apple topic"]),
            ({"rooms": ["!other:localhost"]}, []),
        ):
            self.assertEqual(expected, await self.found(self.alice, "apple", filter=wanted), wanted)

    async def test_parts(self) -> None:
        """Part after part gives every result once, whatever is said meanwhile, also where some may not be seen."""
        await self.bob.join(self.room_id)
        for number in range(23):
            self.api.clock.advance(1)
            await (self.bob if number % 3 == 0 else self.alice).say(self.room_id, f"apple {number}")
        await self.alice.ignore(self.bob)
        for order in ("recent", "rank"):
            bodies, token = [], None
            while True:
                part = await self.look(self.alice, "apple", token, order_by=order, filter={"limit": 4})
                bodies += [result["result"]["content"]["body"] for result in part["results"]]
                token = part.get("next_batch")
                if token is None:
                    break
                self.assertEqual(4, len(part["results"]))
                await self.alice.say(self.room_id, "another apple")
            expected = [f"apple {number}" for number in range(23) if number % 3]
            if order == "recent":
                self.assertEqual(expected[::-1], bodies)
            self.assertEqual(sorted(expected), sorted(bodies))
            self.assertEqual(sorted(expected), sorted(set(bodies)))
            await self.alice.say(self.room_id, "nothing")
            for event in (await self.alice.messages(self.room_id, limit=1000))["chunk"]:
                if event["content"].get("body") == "another apple":
                    path = f"{V3}/rooms/{self.room_id}/redact/{event['event_id']}/{event['event_id'][1:9]}"
                    await self.alice.ok(self.alice.client.put(path, {}))

    async def test_groups(self) -> None:
        """Results are listed by room and sender; each group goes on by itself."""
        other = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room_id)
        for number in range(4):
            self.api.clock.advance(1)
            await self.bob.say(self.room_id, f"apple {number}")
            self.api.clock.advance(1)
            await self.alice.say(other, f"apple tree {number}")
        wanted: Any = {
            "order_by": "recent",
            "groupings": {"group_by": [{"key": "room_id"}, {"key": "sender"}]},
            "filter": {"limit": 3},
        }
        first = await self.look(self.alice, "apple", **wanted)
        ids = [result["result"]["event_id"] for result in first["results"]]
        groups = first["groups"]["room_id"]

        self.assertEqual(8, first["count"])
        self.assertEqual({other: 1, self.room_id: 2}, {room_id: group["order"] for room_id, group in groups.items()})
        self.assertEqual(([ids[0], ids[2]], [ids[1]]), (groups[other]["results"], groups[self.room_id]["results"]))
        self.assertEqual({"@alice:localhost", "@bob:localhost"}, set(first["groups"]["sender"]))
        for token in (groups[self.room_id]["next_batch"], first["groups"]["sender"]["@bob:localhost"]["next_batch"]):
            rest = await self.look(self.alice, "apple", token, **wanted)
            bodies = [result["result"]["content"]["body"] for result in rest["results"]]
            self.assertEqual((["apple 2", "apple 1", "apple 0"], False), (bodies, "next_batch" in rest))
        whole = await self.look(self.alice, "apple", **{**wanted, "filter": {"limit": 50}})
        self.assertFalse(any("next_batch" in group for group in whole["groups"]["room_id"].values()))

    async def test_context_and_state(self) -> None:
        """What surrounds a result comes with it, with tokens to go on, and who they were then."""
        await self.bob.call_oneself("Bobby")
        await self.bob.join(self.room_id)
        for text in ("one", "two", "apple", "three", "four"):
            await self.bob.say(self.room_id, text)
        plain = await self.look(self.alice, "apple")
        context = {"before_limit": 1, "after_limit": 2, "include_profile": True}
        answer = await self.look(self.alice, "apple", event_context=context, include_state=True)
        found = answer["results"][0]["context"]

        self.assertNotIn("context", plain["results"][0])
        self.assertNotIn("state", plain)
        self.assertEqual(["two"], [event["content"]["body"] for event in found["events_before"]])
        self.assertEqual(["three", "four"], [event["content"]["body"] for event in found["events_after"]])
        self.assertEqual({"@bob:localhost": {"displayname": "Bobby"}}, found["profile_info"])
        older = await self.alice.messages(self.room_id, "b", from_=found["start"], limit=1)
        self.assertEqual("one", older["chunk"][0]["content"]["body"])
        self.assertIn("m.room.create", {event["type"] for event in answer["state"][self.room_id]})
        default = await self.look(self.alice, "apple", event_context={})
        self.assertEqual(2, len(default["results"][0]["context"]["events_after"]))
        self.assertNotIn("profile_info", default["results"][0]["context"])

    async def test_highlights(self) -> None:
        """They are the words as they are looked for, and as the results write them."""
        await self.alice.say(self.room_id, "Das CAFÉ und das Café: 東京都")
        answer = await self.look(self.alice, "cafe 東京")

        self.assertEqual(["cafe", "東京", "CAFÉ", "Café"], answer["highlights"])

    async def test_bad_requests(self) -> None:
        """What is no search is refused, and says why."""
        searches: list[Any] = [
            {"search_term": 1},
            {"keys": ["content.other"]},
            {"keys": "content.body"},
            {"order_by": "oldest"},
            {"filter": {"limit": "x"}},
            {"filter": {"senders": ["x"]}},
            {"event_context": {"before_limit": -1}},
            {"event_context": {"before_limit": "x"}},
            {"groupings": {"group_by": [{"key": "type"}]}},
            {"search_term": "x" * 5000},
        ]
        for wanted in searches:
            body = {"search_categories": {"room_events": {"search_term": "apple", **wanted}}}
            response = await self.alice.client.post(f"{V3}/search", body)
            self.assertEqual(400, response.status, wanted)
        for token in ("x", "WzEsMl0x", "WzEsLTFd", "é", "W10", "WzEsMiwieCIsInkiXQ", "MQ"):
            self.assert_refused(400, "M_INVALID_PARAM", await self.ask(self.alice, "apple", token))
        missing = await self.alice.client.post(f"{V3}/search", {"search_categories": {"room_events": {}}})
        self.assert_refused(400, "M_MISSING_PARAM", missing)
        none = await self.alice.client.post(f"{V3}/search", {"search_categories": {}})
        self.assertEqual({"search_categories": {}}, none.json)
        self.assertEqual(401, (await self.api.stranger.post(f"{V3}/search", {"search_categories": {}})).status)
