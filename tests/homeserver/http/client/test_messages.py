"""Timelines over HTTP: pages, context, single events, points in time."""

import json
from typing import Any

from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.timeline import TimelineEvent
from homeserver.store import backward_extremities, events, rooms, state
from homeserver.store.write import Write
from tests.databases import each_database
from tests.room_api import V1, V3, RoomAPICase


def _move(tx: Write, event: TimelineEvent, ordering: int, base_position: int) -> None:
    """The event is at another place, and the state before it is that as of another position."""
    row = events.by_nid(tx.connection, event.nid)
    assert row is not None
    events.place(tx, event.nid, ordering, event.status)
    state.assign(tx, event.nid, state.insert_state(tx, row.room_nid, {}, base_position=base_position))


def bodies(events: list[Any]) -> list[str]:
    return [event["content"]["body"] for event in events if event["type"] == "m.room.message"]


@each_database
class PageTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")

    async def walk(self, dir: str, limit: int, **query: Any) -> list[Any]:
        """All events, page by page; every page but the last says where the next begins."""
        found: list[Any] = []
        token: str | None = None
        while True:
            start = {} if token is None else {"from_": token}
            page = await self.alice.messages(self.room_id, dir, limit=limit, **start, **query)
            self.assertLessEqual(len(page["chunk"]), limit)
            if token is not None:
                self.assertEqual(token, page["start"])
            found += page["chunk"]
            if "end" not in page:
                return found
            token = page["end"]

    async def test_pages_hold_everything_once(self) -> None:
        """In both directions, whatever the size of the pages."""
        for number in range(20):
            await self.alice.say(self.room_id, str(number))
        whole = (await self.alice.messages(self.room_id, "f", limit=1000))["chunk"]
        ids = [event["event_id"] for event in whole]

        self.assertEqual(["m.room.create", "m.room.member"], [event["type"] for event in whole[:2]])
        for limit in (1, 3, 7, 26, 1000):
            self.assertEqual(ids, [event["event_id"] for event in await self.walk("f", limit)])
            self.assertEqual(ids[::-1], [event["event_id"] for event in await self.walk("b", limit)])

    async def test_a_token_works_in_both_directions(self) -> None:
        """What was on one side of a token is not on the other."""
        for number in range(6):
            await self.alice.say(self.room_id, str(number))
        page = await self.alice.messages(self.room_id, "b", limit=3)
        newer = await self.alice.messages(self.room_id, "f", from_=page["end"])
        older = await self.alice.messages(self.room_id, "b", from_=page["end"], limit=3)
        between = await self.alice.messages(self.room_id, "b", from_=page["start"], to=page["end"])

        self.assertEqual(["5", "4", "3"], bodies(page["chunk"]))
        self.assertEqual(["3", "4", "5"], bodies(newer["chunk"]))
        self.assertEqual(["2", "1", "0"], bodies(older["chunk"]))
        self.assertEqual((["5", "4", "3"], False), (bodies(between["chunk"]), "end" in between))

    async def test_sync_tokens_are_taken(self) -> None:
        """Where a sync ended is a place too."""
        await self.alice.say(self.room_id, "before")
        token = f"s{self.api.rooms.tail.head}_0"
        await self.alice.say(self.room_id, "after")

        self.assertEqual(["before"], bodies((await self.alice.messages(self.room_id, from_=token))["chunk"]))
        newer = await self.alice.messages(self.room_id, "f", from_=token)
        self.assertEqual((["after"], token), (bodies(newer["chunk"]), newer["start"]))

    async def test_filters(self) -> None:
        """What the filter hides is made up for by more."""
        for number in range(8):
            await self.alice.say(self.room_id, str(number), **({"url": "mxc://x/y"} if number % 4 == 0 else {}))
            await self.alice.send(self.room_id, {}, "x.other")
        await self.bob.join(self.room_id)
        await self.bob.say(self.room_id, "bob")

        async def found(limit: int = 100, **wanted: Any) -> list[str]:
            page = await self.alice.messages(self.room_id, limit=limit, filter=json.dumps(wanted))
            return bodies(page["chunk"])

        self.assertEqual(["bob", "7", "6"], await found(3, types=["m.room.message"]))
        self.assertEqual(["4", "0"], await found(contains_url=True))
        self.assertEqual(["bob"], await found(senders=["@bob:localhost"]))
        self.assertEqual(9, len(await found(not_types=["x.*"])))
        self.assertEqual([], await found(not_rooms=[self.room_id]))
        self.assertEqual([], await found(types=[]))
        pages = await self.walk("b", 2, filter=json.dumps({"types": ["m.room.message"]}))
        self.assertEqual(9, len(pages))

    async def test_a_filter_of_relations(self) -> None:
        """Roots of threads are found by what relates to them."""
        root = await self.alice.say(self.room_id, "root")
        await self.alice.say(self.room_id, "alone")
        await self.bob.join(self.room_id)
        await self.bob.say(self.room_id, "reply", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
        for wanted, expected in (
            ({"related_by_rel_types": ["m.thread"]}, ["root"]),
            ({"related_by_senders": ["@bob:localhost"]}, ["root"]),
            ({"related_by_senders": ["@alice:localhost"]}, []),
            ({"related_by_rel_types": ["m.annotation"]}, []),
        ):
            page = await self.alice.messages(self.room_id, filter=json.dumps(wanted))

            self.assertEqual(expected, bodies(page["chunk"]), wanted)

    async def test_lazy_members(self) -> None:
        """Only the members that are shown speaking come with the page."""
        await self.bob.join(self.room_id)
        await self.carol.join(self.room_id)
        await self.bob.say(self.room_id, "hello")
        wanted = json.dumps({"lazy_load_members": True})
        page = await self.alice.messages(self.room_id, limit=1, filter=wanted)
        plain = await self.alice.messages(self.room_id, limit=1)

        self.assertEqual(["@bob:localhost"], [event["state_key"] for event in page["state"]])
        self.assertNotIn("state", plain)

    async def test_lazy_members_of_fetched_history(self) -> None:
        """Who spoke in history that came later is told by the state of that history, which the room's own is not."""
        place = await self.event(await self.alice.say(self.room_id, "first"))
        await self.bob.join(self.room_id)
        joined = self.api.rooms.tail.head
        spoken = await self.event(await self.bob.say(self.room_id, "old"))
        await self.api.database.write(_move, spoken, (place.ordering or 0) - 16, joined)
        self.api.rooms.known.forget(spoken.event_id)
        wanted = json.dumps({"lazy_load_members": True, "types": ["m.room.message"], "senders": ["@bob:localhost"]})
        page = await self.alice.messages(self.room_id, filter=wanted)

        self.assertEqual(
            (["old"], ["@bob:localhost"]), (bodies(page["chunk"]), [e["state_key"] for e in page["state"]])
        )

    async def test_a_limit_of_the_filter(self) -> None:
        """The smaller of the two limits counts."""
        for number in range(6):
            await self.alice.say(self.room_id, str(number))
        for limit, more, expected in ((5, 2, 2), (2, 5, 2), (3, 0, 0)):
            page = await self.alice.messages(self.room_id, limit=limit, filter=json.dumps({"limit": more}))
            self.assertEqual(expected, len(page["chunk"]))

    async def event(self, event_id: str) -> TimelineEvent:
        found = await self.api.rooms.known.by_id(EventID(event_id))
        assert found is not None
        return found

    async def test_what_is_unsigned(self) -> None:
        """Age, the reader's membership, and of state what it replaced."""
        await self.alice.set_state(self.room_id, "m.room.name", {"name": "one"})
        self.api.clock.advance(2)
        await self.alice.set_state(self.room_id, "m.room.name", {"name": "two"})
        self.api.clock.advance(3)
        event = (await self.alice.messages(self.room_id, limit=1))["chunk"][0]

        self.assertEqual("two", event["content"]["name"])
        self.assertEqual(
            (3000, "join", {"name": "one"}), tuple(event["unsigned"][k] for k in ("age", "membership", "prev_content"))
        )

    async def test_ignored_users(self) -> None:
        """What they say is left out; what they do to the room is not."""
        await self.bob.join(self.room_id)
        await self.bob.say(self.room_id, "noise")
        await self.alice.say(self.room_id, "music")
        await self.alice.ignore(self.bob)
        events = (await self.alice.messages(self.room_id, limit=100))["chunk"]

        self.assertEqual(["music"], bodies(events))
        self.assertIn("@bob:localhost", [event.get("state_key") for event in events])
        self.assertEqual(["noise", "music"], await self.bob.texts(self.room_id))

    async def test_missing_history_is_asked_for(self) -> None:
        """Where the walk comes to a gap other servers are asked, once for each gap and page; not elsewhere."""
        event_id = await self.alice.say(self.room_id, "after the gap")
        await self.alice.say(self.room_id, "newest")
        event = await self.api.rooms.known.by_id(event_id)  # type: ignore[arg-type]
        assert event is not None
        assert event.ordering is not None
        place = event.ordering

        def miss(tx: Write) -> None:
            room = rooms.by_id(tx.connection, RoomID(self.room_id))
            assert room is not None
            backward_extremities.insert(tx, room.nid, "$missing", place)  # type: ignore[arg-type]

        await self.database.write(miss)
        await self.alice.messages(self.room_id, limit=1)
        untouched = list(self.api.peers.asked)
        await self.alice.messages(self.room_id, limit=2)
        await self.alice.messages(self.room_id, "f", limit=100)

        self.assertEqual([], untouched)
        self.assertEqual([(self.room_id, place, 50)], self.api.peers.asked)

    async def test_bad_input(self) -> None:
        """Each parameter is held against what it may be."""
        bad: list[tuple[dict[str, Any], str]] = [
            ({}, "M_MISSING_PARAM"),
            ({"dir": "x"}, "M_INVALID_PARAM"),
            ({"dir": "b", "from": "nonsense"}, "M_INVALID_PARAM"),
            ({"dir": "b", "from": "t99999999999999999999"}, "M_INVALID_PARAM"),
            ({"dir": "b", "to": "s1"}, "M_INVALID_PARAM"),
            ({"dir": "b", "limit": "many"}, "M_INVALID_PARAM"),
            ({"dir": "b", "limit": "-1"}, "M_INVALID_PARAM"),
            ({"dir": "b", "filter": "{"}, "M_NOT_JSON"),
            ({"dir": "b", "filter": "[]"}, "M_BAD_JSON"),
            ({"dir": "b", "filter": '{"types": 5}'}, "M_BAD_JSON"),
        ]
        for query, errcode in bad:
            path = f"{V3}/rooms/{self.room_id}/messages"

            self.assert_refused(400, errcode, await self.alice.client.request("GET", path, query=query))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(self.room_id, "messages", dir="b"))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room("!nowhere:localhost", "messages", dir="b"))
        self.assertEqual([], (await self.alice.messages(self.room_id, limit=0))["chunk"])
        self.assertEqual(200, (await self.alice.room(self.room_id, "messages", dir="b", limit=10**9)).status)


class ContextTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.room_id = await self.alice.create_room(preset="public_chat")
        self.ids = [await self.alice.say(self.room_id, str(number)) for number in range(7)]

    async def context(self, index: int, **query: Any) -> Any:
        return await self.alice.ok(self.alice.room(self.room_id, f"context/{self.ids[index]}", **query))

    async def test_what_surrounds_an_event(self) -> None:
        """Events before it, newest first; events after it; and tokens that go on from either end."""
        found = await self.context(3, limit=4)
        older = await self.alice.messages(self.room_id, "b", from_=found["start"], limit=1)
        newer = await self.alice.messages(self.room_id, "f", from_=found["end"], limit=1)

        self.assertEqual("3", found["event"]["content"]["body"])
        self.assertEqual(["2", "1"], bodies(found["events_before"]))
        self.assertEqual(["4", "5"], bodies(found["events_after"]))
        self.assertEqual((["0"], ["6"]), (bodies(older["chunk"]), bodies(newer["chunk"])))

    async def test_the_state_is_that_at_the_end(self) -> None:
        """Not what was set later."""
        await self.alice.set_state(self.room_id, "m.room.name", {"name": "later"})
        before = await self.context(3, limit=2)
        after = await self.context(6, limit=2)

        self.assertNotIn("m.room.name", [event["type"] for event in before["state"]])
        self.assertIn("m.room.name", [event["type"] for event in after["state"]])

    async def test_limits_and_filters(self) -> None:
        """Nothing but the event; everything there is; only what is wanted."""
        alone = await self.context(3, limit=0)
        whole = await self.context(3, limit=1000, filter='{"types": ["m.room.message"]}')
        await self.bob.join(self.room_id)
        lazy = await self.context(3, limit=0, filter='{"lazy_load_members": true}')

        self.assertEqual(([], []), (alone["events_before"], alone["events_after"]))
        self.assertEqual(7, len(whole["events_before"]) + 1 + len(whole["events_after"]))
        self.assertEqual([], whole["state"])
        members = [event["state_key"] for event in lazy["state"] if event["type"] == "m.room.member"]
        self.assertEqual(["@alice:localhost"], members)

    async def test_refusals(self) -> None:
        """Strangers are told nothing; unknown events, and events of other rooms, are not found."""
        other = await self.alice.say(await self.alice.create_room(), "there")
        for event_id in ("$unknown", other):
            self.assert_refused(404, "M_NOT_FOUND", await self.alice.room(self.room_id, f"context/{event_id}"))
            self.assert_refused(404, "M_NOT_FOUND", await self.alice.room(self.room_id, f"event/{event_id}"))
        self.assert_refused(403, "M_FORBIDDEN", await self.bob.room(self.room_id, f"context/{self.ids[0]}"))
        self.assert_refused(404, "M_NOT_FOUND", await self.bob.room(self.room_id, f"event/{self.ids[0]}"))
        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.room(self.room_id, "context/nonsense"))
        self.assert_refused(400, "M_INVALID_PARAM", await self.alice.room(self.room_id, "event/nonsense"))
        self.assert_refused(
            400, "M_INVALID_PARAM", await self.alice.room(self.room_id, f"context/{self.ids[0]}", limit=-1)
        )


class TimeTests(RoomAPICase):
    async def test_the_closest_event(self) -> None:
        """At or after a point in time, or at or before it; what the reader may not see is passed over."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.alice.set_state(room_id, "m.room.history_visibility", {"history_visibility": "joined"})
        start = int(self.api.clock.seconds() * 1000)
        ids = []
        for _ in range(3):
            self.api.clock.advance(10)
            ids.append(await self.alice.say(room_id, "tick"))
        self.api.clock.advance(10)
        await self.bob.join(room_id)

        async def closest(user: Any, ts: int, dir: str) -> Any:
            return await user.client.get(f"{V1}/rooms/{room_id}/timestamp_to_event", ts=ts, dir=dir)

        self.assertEqual(ids[1], (await closest(self.alice, start + 11_000, "f")).json["event_id"])
        self.assertEqual(ids[0], (await closest(self.alice, start + 11_000, "b")).json["event_id"])
        found = (await closest(self.alice, start + 20_000, "f")).json
        self.assertEqual({"event_id": ids[1], "origin_server_ts": start + 20_000}, found)
        self.assertEqual(start + 40_000, (await closest(self.bob, start + 1, "f")).json["origin_server_ts"])
        self.assert_refused(404, "M_NOT_FOUND", await closest(self.alice, start + 99_000, "f"))
        self.assert_refused(403, "M_FORBIDDEN", await closest(self.carol, start, "f"))
        self.assert_refused(400, "M_INVALID_PARAM", await closest(self.alice, start, "x"))
