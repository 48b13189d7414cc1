"""Relations, threads and bundled aggregations over HTTP."""

from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.databases import each_database
from tests.room_api import V1, V3, RoomAPICase, User


def relating(rel_type: str, event_id: str, **more: Any) -> Any:
    return {"m.relates_to": {"rel_type": rel_type, "event_id": event_id, **more}}


@each_database
class RelationTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room_id)
        self.parent = await self.alice.say(self.room_id, "parent")

    async def relate(self, user: User, rel_type: str, text: str = "child", parent: str | None = None) -> str:
        return await user.say(self.room_id, text, **relating(rel_type, parent or self.parent))

    async def edit(self, user: User, event_id: str, text: str) -> str:
        new = {"m.new_content": {"msgtype": "m.text", "body": text}}
        return await user.say(self.room_id, f"* {text}", **relating("m.replace", event_id), **new)

    async def children(self, *path: str, reader: User | None = None, **query: Any) -> Any:
        reader = reader or self.alice
        parts = "/".join((self.parent, *path))
        return await reader.ok(reader.client.get(f"{V1}/rooms/{self.room_id}/relations/{parts}", **query))

    async def bundle(self, event_id: str | None = None, reader: User | None = None) -> Any:
        event = (await (reader or self.alice).room(self.room_id, f"event/{event_id or self.parent}")).json
        return event["unsigned"].get("m.relations", {})

    async def test_children(self) -> None:
        """All of them, the newest first; of one relation; of one type; the other way round."""
        thread, reference = await self.relate(self.bob, "m.thread"), await self.relate(self.bob, "m.reference")
        reaction = await self.bob.send(self.room_id, relating("m.annotation", self.parent, key="+"), "m.reaction")

        async def ids(*path: str, **query: Any) -> list[str]:
            return [event["event_id"] for event in (await self.children(*path, **query))["chunk"]]

        self.assertEqual([reaction, reference, thread], await ids())
        self.assertEqual([thread, reference, reaction], await ids(dir="f"))
        self.assertEqual([thread], await ids("m.thread"))
        self.assertEqual([reaction], await ids("m.annotation", "m.reaction"))
        self.assertEqual([], await ids("m.annotation", "m.room.message"))

    async def test_nobody_says_the_same_twice(self) -> None:
        """A second annotation with type and key of the first is refused, until the first is redacted."""
        content = relating("m.annotation", self.parent, key="+")
        path = f"{V3}/rooms/{self.room_id}/send"

        async def react(user: User, transaction: str, kind: str = "m.reaction", key: str = "+") -> Any:
            return await user.client.put(f"{path}/{kind}/{transaction}", relating("m.annotation", self.parent, key=key))

        first = await react(self.bob, "one")
        again = await react(self.bob, "two")
        self.assertEqual((400, "M_DUPLICATE_ANNOTATION"), (again.status, again.json["errcode"]))
        # The same request once more is no second annotation.
        self.assertEqual(first.json, (await react(self.bob, "one")).json)
        for other in (react(self.alice, "a"), react(self.bob, "b", key="-"), react(self.bob, "c", "x.vote")):
            self.assertEqual(200, (await other).status)
        await self.bob.ok(self.bob.client.put(f"{V3}/rooms/{self.room_id}/redact/{first.json['event_id']}/r", {}))
        self.assertEqual(200, (await react(self.bob, "three")).status)
        self.assertEqual(400, (await react(self.bob, "four")).status)
        # What was refused has left the room as it was.
        await self.bob.send(
            self.room_id, {**content, "m.relates_to": {**content["m.relates_to"], "key": "!"}}, "m.reaction"
        )

    async def test_two_at_once_are_one(self) -> None:
        """Of two that arrive at the same moment, one is refused."""
        path = f"{V3}/rooms/{self.room_id}/send/m.reaction"
        content = relating("m.annotation", self.parent, key="+")
        answers = await gatherResults(
            [ensureDeferred(self.bob.client.put(f"{path}/{transaction}", content)) for transaction in ("one", "two")]
        )
        self.assertEqual([200, 400], sorted(answer.status for answer in answers))

    async def test_pages(self) -> None:
        """Pages hold every child once, in both directions."""
        ids = [await self.relate(self.bob, "m.reference") for _ in range(7)]
        for dir, expected in (("b", ids[::-1]), ("f", ids)):
            found: list[str] = []
            token: Any = {}
            while True:
                page = await self.children(dir=dir, limit=3, **token)
                found += [event["event_id"] for event in page["chunk"]]
                self.assertEqual("from_" in token, "prev_batch" in page)
                if "next_batch" not in page:
                    break
                token = {"from_": page["next_batch"]}

            self.assertEqual(expected, found)

    async def test_recursion(self) -> None:
        """What relates to the children is found too, over three steps, and says so."""
        parents = [self.parent]
        for _ in range(4):
            parents.append(await self.relate(self.bob, "m.reference", parent=parents[-1]))
        flat = await self.children()
        deep = await self.children(recurse=True)

        self.assertEqual([parents[1]], [event["event_id"] for event in flat["chunk"]])
        self.assertEqual(parents[3:0:-1], [event["event_id"] for event in deep["chunk"]])
        self.assertEqual((None, 3), (flat.get("recursion_depth"), deep["recursion_depth"]))

    async def test_edits(self) -> None:
        """The newest valid edit is bundled: not another's, not of another type, and not once it is redacted."""
        await self.edit(self.alice, self.parent, "first")
        self.api.clock.advance(1)
        second = await self.edit(self.alice, self.parent, "second")
        self.api.clock.advance(1)
        await self.edit(self.bob, self.parent, "forged")
        await self.alice.send(self.room_id, relating("m.replace", self.parent) | {"m.new_content": {}}, "x.other")
        await self.relate(self.alice, "m.replace", "without new content")
        bundled = (await self.bundle())["m.replace"]

        self.assertEqual((second, "* second"), (bundled["event_id"], bundled["content"]["body"]))
        await self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{second}/r", {})
        self.assertEqual("* first", (await self.bundle())["m.replace"]["content"]["body"])
        await self.alice.client.put(f"{V3}/rooms/{self.room_id}/redact/{self.parent}/r2", {})
        self.assertNotIn("m.replace", await self.bundle())

    async def test_edits_of_edits_and_of_state_are_none(self) -> None:
        """Spec: client-server-api#validity-of-replacement-events"""
        edit = await self.edit(self.alice, self.parent, "edit")
        await self.edit(self.alice, edit, "edit of edit")
        state_id = (await self.alice.state(self.room_id, "m.room.create", format="event")).json["event_id"]
        await self.edit(self.alice, state_id, "another room")

        self.assertEqual({}, await self.bundle(edit))
        self.assertEqual({}, await self.bundle(state_id))

    async def test_references(self) -> None:
        """Their IDs are bundled, but for those of users that the reader ignores."""
        one, two = await self.relate(self.alice, "m.reference"), await self.relate(self.bob, "m.reference")

        self.assertEqual({"chunk": [{"event_id": one}, {"event_id": two}]}, (await self.bundle())["m.reference"])
        await self.alice.ignore(self.bob)
        self.assertEqual({"chunk": [{"event_id": one}]}, (await self.bundle())["m.reference"])
        self.assertEqual([one], [event["event_id"] for event in (await self.children())["chunk"]])

    async def test_threads_are_bundled(self) -> None:
        """How many replies, the last of them with its own edits, and whether the reader takes part."""
        await self.carol.join(self.room_id)
        await self.relate(self.bob, "m.thread", "one")
        last = await self.relate(self.bob, "m.thread", "two")
        await self.edit(self.bob, last, "two, edited")
        bundle = (await self.bundle())["m.thread"]
        latest = bundle["latest_event"]

        self.assertEqual((2, True, last), (bundle["count"], bundle["current_user_participated"], latest["event_id"]))
        self.assertEqual("* two, edited", latest["unsigned"]["m.relations"]["m.replace"]["content"]["body"])
        self.assertTrue((await self.bundle(reader=self.bob))["m.thread"]["current_user_participated"])
        self.assertFalse((await self.bundle(reader=self.carol))["m.thread"]["current_user_participated"])
        await self.alice.ignore(self.bob)
        self.assertEqual({}, await self.bundle())

    async def test_threads_are_not_nested(self) -> None:
        """
        None starts from what relates to another event; from a plain reply, or from what is not known here, one may.

        Spec: client-server-api#validation-of-mthread-relationships
        """
        room_id = await self.alice.create_room()
        root = await self.alice.say(room_id, "root")
        inside = await self.alice.say(room_id, "inside", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
        reply = await self.alice.say(room_id, "reply", **{"m.relates_to": {"m.in_reply_to": {"event_id": root}}})

        for name, parent, refused in (("1", inside, True), ("2", reply, False), ("3", "$unknown", False)):
            content = {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.thread", "event_id": parent}}
            answer = await self.alice.client.put(f"{V3}/rooms/{room_id}/send/m.room.message/{name}", content)
            if refused:
                self.assert_refused(400, "M_UNKNOWN", answer)
            else:
                self.assertEqual(200, answer.status)

    async def test_pages_of_the_timeline_bundle_too(self) -> None:
        """As single events do."""
        await self.edit(self.alice, self.parent, "edited")
        page = await self.alice.messages(self.room_id, limit=10)
        context = (await self.alice.room(self.room_id, f"context/{self.parent}")).json

        found = next(event for event in page["chunk"] if event["event_id"] == self.parent)
        for event in (found, context["event"]):
            self.assertEqual("* edited", event["unsigned"]["m.relations"]["m.replace"]["content"]["body"])

    async def test_what_may_not_be_seen_is_not_bundled(self) -> None:
        """A former member learns nothing of what relates to old events since they left."""
        await self.bob.act(self.room_id, "leave")
        await self.edit(self.alice, self.parent, "later")
        await self.relate(self.alice, "m.thread")
        await self.relate(self.alice, "m.reference")

        self.assertEqual({}, await self.bundle(reader=self.bob))
        self.assertEqual([], (await self.children(reader=self.bob))["chunk"])

    async def test_the_threads_of_a_room(self) -> None:
        """That last replied to first; those one takes part in; page by page."""
        roots = [await self.alice.say(self.room_id, f"root {number}") for number in range(5)]
        bobs = await self.bob.say(self.room_id, "bob's root")
        for root in (*roots, bobs, roots[0]):
            await self.relate(self.alice, "m.thread", parent=root)
        await self.relate(self.bob, "m.thread", parent=roots[2])

        async def threads(user: User, **query: Any) -> Any:
            return await user.ok(user.client.get(f"{V1}/rooms/{self.room_id}/threads", **query))

        expected = [roots[2], roots[0], bobs, roots[4], roots[3], roots[1]]
        whole = await threads(self.alice)
        self.assertEqual(expected, [event["event_id"] for event in whole["chunk"]])
        self.assertEqual(1, whole["chunk"][2]["unsigned"]["m.relations"]["m.thread"]["count"])
        mine = await threads(self.bob, include="participated")
        self.assertEqual([roots[2], bobs], [event["event_id"] for event in mine["chunk"]])
        found: list[str] = []
        token: Any = {}
        for _ in range(4):
            page = await threads(self.alice, limit=2, **token)
            found += [event["event_id"] for event in page["chunk"]]
            if "next_batch" not in page:
                break
            token = {"from_": page["next_batch"]}
        self.assertEqual(expected, found)

    async def test_threads_as_they_were(self) -> None:
        """Who left sees the threads in the order of what they saw of them; nothing said later moves or hides one."""
        one, two = await self.alice.say(self.room_id, "one"), await self.alice.say(self.room_id, "two")
        await self.relate(self.alice, "m.thread", parent=one)
        await self.relate(self.alice, "m.thread", parent=two)
        await self.bob.act(self.room_id, "leave")
        await self.relate(self.alice, "m.thread", parent=one)
        path = f"{V1}/rooms/{self.room_id}/threads"

        async def roots(user: User) -> list[str]:
            return [event["event_id"] for event in (await user.ok(user.client.get(path)))["chunk"]]

        self.assertEqual([two, one], await roots(self.bob))
        self.assertEqual([one, two], await roots(self.alice))
        for limit, has_more in ((1, True), (2, False), (3, False)):
            page = await self.bob.ok(self.bob.client.get(path, limit=limit))
            self.assertEqual(has_more, "next_batch" in page)

    async def test_the_root_of_an_ignored_user_comes_redacted(self) -> None:
        """Spec: client-server-api#get_matrixclientv1roomsroomidthreads"""
        root = await self.bob.say(self.room_id, "noise")
        await self.relate(self.alice, "m.thread", parent=root)
        await self.alice.ignore(self.bob)
        chunk = (await self.alice.client.get(f"{V1}/rooms/{self.room_id}/threads")).json["chunk"]

        self.assertEqual([(root, {})], [(event["event_id"], event["content"]) for event in chunk])
        self.assertEqual("noise", (await self.bob.room(self.room_id, f"event/{root}")).json["content"]["body"])

    async def test_bad_input(self) -> None:
        """Each parameter is held against what it may be; strangers find nothing."""
        relations, threads = f"{V1}/rooms/{self.room_id}/relations/{self.parent}", f"{V1}/rooms/{self.room_id}/threads"
        for path, query in (
            (relations, {"limit": "0"}),
            (relations, {"dir": "x"}),
            (relations, {"from": "x"}),
            (relations, {"recurse": "x"}),
            (threads, {"limit": "0"}),
            (threads, {"include": "x"}),
            (threads, {"from": "x"}),
        ):
            response = await self.alice.client.request("GET", path, query=query)
            self.assert_refused(400, "M_INVALID_PARAM", response)
        self.assert_refused(404, "M_NOT_FOUND", await self.carol.client.get(relations))
        self.assert_refused(403, "M_FORBIDDEN", await self.carol.client.get(threads))
        unknown = f"{V1}/rooms/{self.room_id}/relations/$unknown"
        self.assert_refused(404, "M_NOT_FOUND", await self.alice.client.get(unknown))
