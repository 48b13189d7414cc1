"""Redactions that take along what relates to their target.  Spec: proposals/3912"""

from typing import Any

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomID
from homeserver.http.client.related_redactions import RelatedRedactionOption
from homeserver.services.jobs.service import Jobs
from homeserver.services.related_redactions import NAME, RelatedRedactions
from homeserver.store import jobs as stored_jobs
from tests.databases import each_database
from tests.jobs import JobsCase
from tests.room_api import V3, RoomAPI, User


def related(kind: str, to: str, **content: Any) -> Any:
    """The content of a message that relates so to another."""
    return {"msgtype": "m.text", "body": kind, "m.relates_to": {"rel_type": kind, "event_id": to}, **content}


def edit(to: str) -> Any:
    return related("m.replace", to, **{"m.new_content": {"msgtype": "m.text", "body": "new"}})


@each_database
class RelatedRedactionTests(JobsCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room_id)

    def extend(self, api: RoomAPI) -> None:
        self.related = RelatedRedactions(self.database, api.clock, api.rooms.known, api.sending)
        for door in (api.rooms.timeline, api.rooms.acceptance):
            door.companions.append(self.related)
        api.redact_options.append(RelatedRedactionOption(self.related))
        super().extend(api)

    def add_kinds(self, jobs: Jobs) -> None:
        jobs.add_kind(self.related)

    async def redact(self, by: User, event_id: str, transaction: str = "r", **body: Any) -> Any:
        return await by.client.put(f"{V3}/rooms/{self.room_id}/redact/{event_id}/{transaction}", body)

    async def event(self, event_id: str) -> Any:
        return await self.alice.ok(self.alice.room(self.room_id, f"event/{event_id}"))

    async def redacted(self, *event_ids: str) -> list[bool]:
        """Of each event, whether it was redacted."""
        return ["redacted_because" in (await self.event(event_id))["unsigned"] for event_id in event_ids]

    async def test_an_edit_goes_along(self) -> None:
        """Under both names; other relations stay, and what does not relate; the reason is the same."""
        for name in ("with_rel_types", "org.matrix.msc3912.with_relations"):
            target = await self.bob.say(self.room_id, "hello")
            own = [await self.bob.send(self.room_id, edit(target)) for _ in range(2)]
            reply = await self.bob.send(self.room_id, related("m.thread", target))
            other = await self.bob.say(self.room_id, "other")
            answer = await self.redact(self.bob, target, name, reason="private", **{name: ["m.replace"]})
            await self.settle()

            self.assertEqual(200, answer.status)
            self.assertEqual([True, True, True, False, False], await self.redacted(target, *own, reply, other))
            because = (await self.event(own[0]))["unsigned"]["redacted_because"]
            self.assertEqual((self.bob.user_id, "private"), (because["sender"], because["content"]["reason"]))
            self.assertEqual([], await self.jobs.page(None, 10))

    async def test_everything_goes_along(self) -> None:
        """``*`` is every relation, also those that nobody has heard of; parents stay, and their other children."""
        root = await self.bob.say(self.room_id, "root")
        target = await self.bob.send(self.room_id, related("m.reference", root))
        kinds = ("m.reference", "org.example.odd")
        children = [await self.bob.send(self.room_id, related(kind, target)) for kind in kinds]
        reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": target, "key": "+"}}
        children.append(await self.bob.send(self.room_id, reaction, "m.reaction"))
        sibling = await self.bob.send(self.room_id, related("m.reference", root))
        await self.redact(self.bob, target, with_rel_types=["*"])
        await self.settle()

        self.assertEqual([True] * 3, await self.redacted(*children))
        self.assertEqual([False, False], await self.redacted(root, sibling))

    async def test_invalid_relations_stay(self) -> None:
        """An edit of an edit, an edit of somebody else's message, and a thread in a thread are none."""
        target = await self.bob.say(self.room_id, "hello")
        first = await self.bob.send(self.room_id, edit(target))
        second = await self.bob.send(self.room_id, edit(first))
        foreign = await self.alice.send(self.room_id, edit(target))
        empty = await self.bob.send(self.room_id, related("m.replace", target))
        # As only another server lets its users.
        draft = Draft("m.room.message", self.bob.user_id, related("m.thread", first))
        nested = await self.api.rooms.timeline.send(RoomID(self.room_id), draft)
        await self.redact(self.alice, first, "a", with_rel_types=["m.replace", "m.thread"])
        await self.settle()
        self.assertEqual([False, False, False], await self.redacted(target, second, nested))
        await self.redact(self.alice, target, "b", with_rel_types=["m.replace"])
        await self.settle()

        self.assertEqual([False, False, False], await self.redacted(second, foreign, empty))

    async def test_only_what_the_user_may_redact(self) -> None:
        """Others' answers stay where the user is nobody, and go where the user looks after the room."""
        target = await self.bob.say(self.room_id, "hello")
        own = await self.bob.send(self.room_id, related("m.thread", target))
        foreign = await self.alice.send(self.room_id, related("m.thread", target))
        await self.redact(self.bob, target, "a", with_rel_types=["m.thread"])
        await self.settle()
        self.assertEqual([True, False], await self.redacted(own, foreign))
        await self.redact(self.alice, target, "b", with_rel_types=["m.thread"])
        await self.settle()

        self.assertEqual([True], await self.redacted(foreign))

    async def test_what_comes_later_goes_along(self) -> None:
        """Also when its sender knows nothing of it; but nothing of another kind."""
        target = await self.bob.say(self.room_id, "hello")
        await self.redact(self.alice, target, with_rel_types=["m.thread"])
        await self.settle()
        late = await self.bob.send(self.room_id, related("m.thread", target))
        other = await self.bob.send(self.room_id, related("m.reference", target))
        await self.settle()

        self.assertEqual([True, False], await self.redacted(late, other))
        self.assertEqual([], await self.jobs.page(None, 10))

    async def test_who_has_left_redacts_nothing_more(self) -> None:
        """Spec: proposals/3912"""
        target = await self.bob.say(self.room_id, "hello")
        await self.redact(self.bob, target, with_rel_types=["*"])
        await self.settle()
        await self.bob.act(self.room_id, "leave")
        late = await self.alice.send(self.room_id, related("m.reference", target))
        await self.settle()

        self.assertEqual([False], await self.redacted(late))

    async def test_nothing_is_forgotten_with_the_process(self) -> None:
        """What a process leaves another takes up; there are more than one step takes."""
        target = await self.bob.say(self.room_id, "hello")
        replies = [await self.bob.send(self.room_id, related("m.thread", target)) for _ in range(120)]
        await self.jobs.stop()
        await self.redact(self.bob, target, with_rel_types=["m.thread"])
        self.assertEqual([False], await self.redacted(replies[0]))
        queued = await self.jobs.page(None, 10, state=stored_jobs.QUEUED)
        self.jobs = Jobs(self.database, self.api.clock, "another")
        self.jobs.add_kind(RelatedRedactions(self.database, self.api.clock, self.api.rooms.known, self.api.sending))
        await self.jobs.start()
        await self.settle()

        self.assertEqual([(NAME, self.room_id)], [(job.kind, job.subject) for job in queued])
        self.assertEqual([True] * 120, await self.redacted(*replies))

    async def test_the_same_request_again(self) -> None:
        """It is answered as before, and asks for nothing more."""
        target = await self.bob.say(self.room_id, "hello")
        first = await self.redact(self.bob, target)
        again = await self.redact(self.bob, target, with_rel_types=["*"])
        late = await self.bob.send(self.room_id, related("m.reference", target))
        await self.redact(self.bob, target, "other", with_rel_types=[])
        await self.settle()

        self.assertEqual(first.json, again.json)
        self.assertEqual([False], await self.redacted(late))

    async def test_odd_bodies(self) -> None:
        """They are refused, and nothing is redacted."""
        target = await self.bob.say(self.room_id, "hello")
        for odd in ("m.replace", {"m.replace": 1}, [1], [None], ["x" * 256], ["x"] * 101, None, 3):
            answer = await self.redact(self.bob, target, with_rel_types=odd)
            self.assert_refused(400, "M_BAD_JSON", answer)

        self.assertEqual([False], await self.redacted(target))
