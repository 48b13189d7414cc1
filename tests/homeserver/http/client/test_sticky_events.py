"""Clients send sticky events."""

from homeserver.http.client.sticky_events import StickyOption
from tests.delayed import Delayed
from tests.room_api import V3, RoomAPI, RoomAPICase

STABLE, UNSTABLE = "sticky_duration_ms", "org.matrix.msc4354.sticky_duration_ms"


class SendingTests(RoomAPICase):
    def extend(self, api: RoomAPI) -> None:
        self.delayed = Delayed(api)
        self.delayed.serve()
        api.send_options.append(StickyOption())

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room()
        self.path = f"{V3}/rooms/{self.room_id}/send/m.rtc.member"

    async def test_a_parameter_makes_it_sticky(self) -> None:
        """Under both names, of messages and of state; without it nothing is."""
        state = f"{V3}/rooms/{self.room_id}/state/org.example/x"
        answers = [
            await self.alice.client.put(f"{self.path}/1", {}, **{STABLE: 5}),
            await self.alice.client.put(f"{self.path}/2", {}, **{UNSTABLE: 3_600_000}),
            await self.alice.client.put(state, {}, **{UNSTABLE: 0}),
            await self.alice.client.put(f"{self.path}/3", {}),
        ]
        fields = []
        for answer in answers:
            event = await self.alice.ok(self.alice.room(self.room_id, f"event/{answer.json['event_id']}"))
            fields.append(event.get("msc4354_sticky"))

        self.assertEqual([{"duration_ms": 5}, {"duration_ms": 3_600_000}, {"duration_ms": 0}, None], fields)

    async def test_bad_durations_are_refused(self) -> None:
        """And nothing is sent."""
        for bad in ("", "x", "-1", "3600001", "1.5"):
            response = await self.alice.client.put(f"{self.path}/1", {}, **{UNSTABLE: bad})
            self.assert_refused(400, "M_INVALID_PARAM", response)

    async def test_what_is_sent_later_is_sticky_then(self) -> None:
        """For the whole of its duration, from then on."""
        query = {UNSTABLE: 5, "org.matrix.msc4140.delay": 10}
        early = (await self.alice.client.put(f"{self.path}/1", {}, **query)).json["delay_id"]
        body = {"delay_ms": 10, "content": {}}
        path = f"{V3}/rooms/{self.room_id}/delayed_event/m.rtc.member/2"
        late = (await self.alice.client.put(path, body, **{UNSTABLE: 6})).json["delay_id"]
        fields = []
        for delay_id in (early, late):
            await self.delayed.events.send(delay_id, self.alice.user_id)
            event_id = (await self.delayed.events.one(delay_id, self.alice.user_id)).event_id
            event = await self.alice.ok(self.alice.room(self.room_id, f"event/{event_id}"))
            fields.append(event["msc4354_sticky"])

        self.assertEqual([{"duration_ms": 5}, {"duration_ms": 6}], fields)
