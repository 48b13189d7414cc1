"""Kicks and bans that redact what their target has said.  Spec: proposals/4293"""

from typing import Any

from homeserver.http.client.member_redactions import MemberRedactionOption
from homeserver.services.jobs.service import Jobs
from homeserver.services.member_redactions import NAME, MemberRedactions
from homeserver.store import jobs as stored_jobs
from tests.databases import each_database
from tests.jobs import JobsCase
from tests.room_api import V3, RoomAPI, User


@each_database
class MemberRedactionTests(JobsCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room_id)

    def extend(self, api: RoomAPI) -> None:
        timeline = api.rooms.timeline
        self.kind_ = MemberRedactions(self.database, api.clock, api.rooms.known, timeline.redactions)
        for door in (timeline, api.rooms.acceptance):
            door.companions.append(self.kind_)
        api.removal_options.append(MemberRedactionOption())
        super().extend(api)

    def add_kinds(self, jobs: Jobs) -> None:
        jobs.add_kind(self.kind_)

    async def remove(self, by: User, how: str = "ban", **body: Any) -> Any:
        """Bob is kicked or banned."""
        response = await by.act(self.room_id, how, user_id=self.bob.user_id, **body)
        await self.settle()
        return response

    async def event(self, event_id: str) -> Any:
        return await self.alice.ok(self.alice.room(self.room_id, f"event/{event_id}"))

    async def contents(self, *event_ids: str) -> list[Any]:
        return [(await self.event(event_id))["content"] for event_id in event_ids]

    async def test_what_was_said_goes(self) -> None:
        """Under both names, by ban and by kick; clients are shown the removal as the reason; others' words stay."""
        for name in ("redact_events", "org.matrix.msc4293.redact_events"):
            for how in ("kick", "ban"):
                said = [await self.bob.say(self.room_id, "spam") for _ in range(3)]
                other = await self.alice.say(self.room_id, "please stop")
                response = await self.remove(self.alice, how, reason="flooding", **{name: True})
                event = await self.event(said[1])
                because = event["unsigned"]["redacted_because"]

                self.assertEqual(200, response.status)
                self.assertEqual([{}, {}, {}], await self.contents(*said))
                self.assertEqual("please stop", (await self.event(other))["content"]["body"])
                self.assertEqual(
                    ("m.room.member", self.alice.user_id, "flooding", True),
                    (because["type"], because["sender"], because["content"]["reason"], because["content"][name]),
                )
                await self.alice.act(self.room_id, "unban", user_id=self.bob.user_id)
                await self.bob.join(self.room_id)

    async def test_only_since_they_came(self) -> None:
        """What was said in an earlier stay stays; a new name is no new stay, nor is it left."""
        earlier = await self.bob.say(self.room_id, "earlier")
        await self.bob.act(self.room_id, "leave")
        await self.bob.join(self.room_id)
        before = await self.bob.say(self.room_id, "before")
        named = {"membership": "join", "displayname": "rude words"}
        renamed = (await self.bob.set_state(self.room_id, "m.room.member", named, self.bob.user_id)).json["event_id"]
        after = await self.bob.say(self.room_id, "after")
        await self.remove(self.alice, redact_events=True)

        self.assertEqual(["earlier"], [each["body"] for each in await self.contents(earlier)])
        self.assertEqual([{}, {}, {"membership": "join"}], await self.contents(before, after, renamed))

    async def test_who_may_not_redact(self) -> None:
        """The flag counts only for who has the level of redactions, and that of the event type where one is set."""
        for levels, redacts in (
            ({"redact": 51}, False),
            ({"redact": 50}, True),
            ({"redact": 0, "events": {"m.room.redaction": 51}}, False),
            ({"redact": 0, "events_default": 0, "events": {"m.room.redaction": 50}}, True),
        ):
            room_id = await self.alice.create_room(
                preset="public_chat",
                power_level_content_override={**levels, "users": {self.carol.user_id: 50}},
            )
            await self.carol.join(room_id)
            await self.bob.join(room_id)
            said = await self.bob.say(room_id, "spam")
            await self.carol.act(room_id, "ban", user_id=self.bob.user_id, redact_events=True)
            await self.settle()
            event = await self.alice.ok(self.alice.room(room_id, f"event/{said}"))
            self.assertEqual({} if redacts else "spam", event["content"] if redacts else event["content"]["body"])

    async def test_other_memberships_redact_nothing(self) -> None:
        """Going by oneself, an unban, an invite; and a flag that is not true."""
        said = await self.bob.say(self.room_id, "hello")
        flagged = {"membership": "leave", "redact_events": True}
        await self.bob.set_state(self.room_id, "m.room.member", flagged, self.bob.user_id)
        await self.bob.join(self.room_id)
        more = await self.bob.say(self.room_id, "hello again")
        await self.remove(self.alice, redact_events=False)
        await self.alice.set_state(self.room_id, "m.room.member", flagged, self.bob.user_id)
        invited = {"membership": "invite", "redact_events": True}
        await self.alice.set_state(self.room_id, "m.room.member", invited, self.bob.user_id)
        await self.settle()

        self.assertEqual(["hello", "hello again"], [each["body"] for each in await self.contents(said, more)])
        self.assertEqual([], await self.jobs.page(None, 10))

    async def test_as_state(self) -> None:
        """A ban that a client sends as state does the same."""
        said = await self.bob.say(self.room_id, "spam")
        banned = {"membership": "ban", "redact_events": True}
        await self.alice.set_state(self.room_id, "m.room.member", banned, self.bob.user_id)
        await self.settle()

        self.assertEqual([{}], await self.contents(said))

    async def test_much_at_once_and_by_another_process(self) -> None:
        """More than one step takes; what a process leaves another takes up; words find nothing any more."""
        said = [await self.bob.say(self.room_id, "spamspam") for _ in range(250)]
        await self.jobs.stop()
        await self.alice.act(self.room_id, "ban", user_id=self.bob.user_id, redact_events=True)
        self.assertEqual("spamspam", (await self.event(said[0]))["content"]["body"])
        queued = await self.jobs.page(None, 10, state=stored_jobs.QUEUED)
        self.jobs = Jobs(self.database, self.api.clock, "another")
        self.jobs.add_kind(self.kind_)
        await self.jobs.start()
        await self.settle()
        await self.api.indexing.catch_up()
        wanted = {"search_categories": {"room_events": {"search_term": "spamspam"}}}
        found = await self.alice.ok(self.alice.client.post(f"{V3}/search", wanted))
        done = await self.jobs.page(None, 10)

        self.assertEqual([NAME], [job.kind for job in queued])
        self.assertEqual([{}] * 250, await self.contents(*said))
        self.assertEqual(0, found["search_categories"]["room_events"]["count"])
        self.assertEqual([(NAME, 250)], [(job.kind, job.done) for job in done])

    async def test_odd_flags(self) -> None:
        """They are refused, and nobody is removed."""
        odd: Any
        for odd in ("true", 1, None, []):
            self.assert_refused(400, "M_BAD_JSON", await self.remove(self.alice, "kick", redact_events=odd))

        self.assertEqual(200, (await self.bob.act(self.room_id, "leave")).status)
