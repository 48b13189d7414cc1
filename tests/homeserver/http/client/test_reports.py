"""Reports over HTTP."""

from homeserver.store import reports
from tests.room_api import V3, RoomAPICase


class ReportTests(RoomAPICase):
    async def kept(self) -> list[tuple[str, str, str | None, str | None]]:
        found = await self.database.read(reports.latest, 2**62, 100)
        return [(each.subject_kind, each.subject, each.room_id, each.reason) for each in found.values()]

    async def test_what_is_reported_is_kept(self) -> None:
        """Rooms and users by anybody, events by members."""
        room_id = await self.alice.create_room(preset="public_chat")
        event_id = await self.alice.say(room_id, "rude")
        await self.carol.join(room_id)
        room = await self.bob.act(room_id, "report", reason="spam")
        user = await self.bob.client.post(f"{V3}/users/{self.alice.user_id}/report", {"reason": ""})
        remote = await self.bob.client.post(f"{V3}/users/@x:elsewhere.example/report", {"reason": "x"})
        event = await self.carol.act(room_id, f"report/{event_id}", reason="rude", score=-100)
        bare = await self.carol.act(room_id, f"report/{event_id}")

        self.assertEqual([200] * 5, [each.status for each in (room, user, remote, event, bare)])
        self.assertEqual(
            [
                ("event", event_id, room_id, None),
                ("event", event_id, room_id, "rude"),
                ("user", "@x:elsewhere.example", None, "x"),
                ("user", self.alice.user_id, None, ""),
                ("room", room_id, room_id, "spam"),
            ],
            await self.kept(),
        )

    async def test_refusals(self) -> None:
        """What is not there, and events of rooms that the reporter is not in."""
        room_id = await self.alice.create_room()
        event_id = await self.alice.say(room_id, "secret")
        for response in (
            await self.bob.act("!nowhere:localhost", "report", reason="x"),
            await self.bob.act(room_id, f"report/{event_id}", reason="x"),
            await self.alice.act(room_id, "report/$unknown", reason="x"),
            await self.bob.client.post(f"{V3}/users/@nobody:localhost/report", {"reason": "x"}),
        ):
            self.assert_refused(404, "M_NOT_FOUND", response)
        self.assert_refused(400, "M_MISSING_PARAM", await self.alice.act(room_id, "report"))
        self.assert_refused(400, "M_BAD_JSON", await self.alice.act(room_id, f"report/{event_id}", reason=5))
        self.assert_refused(413, "M_TOO_LARGE", await self.alice.act(room_id, "report", reason="x" * 20_000))
        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.client.post(f"{V3}/users/x/report", {}))
        self.assertEqual([], await self.kept())
