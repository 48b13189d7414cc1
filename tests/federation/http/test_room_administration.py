"""Tests of the administration of rooms, jobs and other servers, over HTTP."""

from typing import Any

from twisted.trial.unittest import TestCase

from federation.http.admin.destinations import DestinationEndpoints
from federation.services.administered_destinations import AdministeredDestinations
from homeserver.core.identifiers import DeviceID
from homeserver.http.admin.jobs import JobEndpoints
from homeserver.http.admin.rooms import RoomEndpoints
from homeserver.http.authentication import token_authenticators
from homeserver.services.administration.rooms import AdministeredRooms
from homeserver.services.callers import Caller
from homeserver.services.room_removal.history import HistoryPurge
from homeserver.services.room_removal.retention import DAY_MS, Retention, RetentionSettings
from homeserver.services.visible_history import VisibleHistory
from tests.client import Client, Tokens, a_site
from tests.databases import each_database
from tests.federation.servers import ALICE, BOB, DAVE, ONE, TWO, Federation
from tests.removal import removal_on

ADMIN = "/_folkmoot/admin/v1"


@each_database
class RoomAdministrationTests(Federation, TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.removal = removal = await removal_on(self.one)
        await removal.jobs.start()
        self.addCleanup(removal.jobs.stop)
        one = self.one
        self.history = HistoryPurge(one.database, one.known, removal.jobs)
        removal.jobs.add_kind(self.history)
        rooms = AdministeredRooms(ONE, one.database, one.known, one.live_rooms, one.timeline, one.inviting, one.joining)
        tokens: Any = Tokens({"root": Caller(ALICE, DeviceID("ADMIN"), is_admin=True)})
        site = a_site(
            RoomEndpoints(rooms, removal.deletion, self.history, removal.closed),
            JobEndpoints(removal.jobs),
            DestinationEndpoints(AdministeredDestinations(one.database, one.destinations)),
            authenticators=token_authenticators(tokens),
        )
        self.client = Client(site, "root")

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        response = await self.client.request(method, ADMIN + path, body, query=query)
        self.assertEqual(status, response.status, response.body)
        return response.json

    async def test_rooms_are_listed_in_every_order(self) -> None:
        """Page by page in both directions, each room once; what is searched for is found."""
        names = ["Alpha", "beta", "Gamma"]
        made = [await self.one.create(ALICE, name=name, preset="public_chat") for name in names]
        await self.one.join(DAVE, made[1])
        for order in ("name", "members", "local_members", "state_events", "events", "creator", "join_rule", "public"):
            for direction in ("ascending", "descending"):
                listed: list[str] = []
                token = None
                while True:
                    query: dict[str, Any] = {"order_by": order, "direction": direction, "limit": 1}
                    page = await self.ask("GET", "/rooms", **query, **({} if token is None else {"from": token}))
                    listed += [room["room_id"] for room in page["items"]]
                    token = page.get("next_token")
                    if token is None:
                        break
                self.assertEqual(sorted(made), sorted(listed), (order, direction))
        most = (await self.ask("GET", "/rooms", order_by="members", direction="descending"))["items"][0]
        self.assertEqual(("beta", 2, 2), (most["name"], most["members"], most["local_members"]))
        found = await self.ask("GET", "/rooms", search="ALPH")
        self.assertEqual([made[0]], [room["room_id"] for room in found["items"]])
        await self.ask("GET", "/rooms", status=400, **{"from": "nonsense"})

    async def test_a_room_is_shown_with_its_members_state_and_messages(self) -> None:
        """Also to an administrator who is not in it; what is not known is not found."""
        room_id = await self.one.create(DAVE, name="Quiet", topic="Nothing")
        await self.one.send(DAVE, room_id, "between us")

        details = await self.ask("GET", f"/rooms/{room_id}")
        members = await self.ask("GET", f"/rooms/{room_id}/members")
        state = await self.ask("GET", f"/rooms/{room_id}/state")
        messages = await self.ask("GET", f"/rooms/{room_id}/messages", limit=1)
        ends = await self.ask("GET", f"/rooms/{room_id}/forward_extremities")

        self.assertEqual(("Quiet", "Nothing", 1), (details["room"]["name"], details["topic"], details["servers"]))
        self.assertEqual(
            [(DAVE, "join", True)], [(m["user_id"], m["membership"], m["local"]) for m in members["items"]]
        )
        self.assertIn("m.room.create", [event["type"] for event in state["items"]])
        self.assertEqual("between us", messages["items"][0]["content"]["body"])
        self.assertIn("next_token", messages)
        self.assertEqual([messages["items"][0]["event_id"]], [end["event_id"] for end in ends["items"]])
        await self.ask("GET", "/rooms/!nowhere:one.example", status=404)

    async def test_a_room_is_deleted_and_its_job_tells_how_far_it_is(self) -> None:
        """The answer names the job; afterwards the room is not found."""
        room_id = await self.one.create(ALICE, preset="public_chat")

        begun = await self.ask("POST", f"/rooms/{room_id}/delete", {"block": True, "reason": "spam"})
        await self.removal.over(await self.removal.jobs.by_id(begun["job_id"]))

        job = await self.ask("GET", f"/jobs/{begun['job_id']}")
        self.assertEqual(("done", "delete_room", ALICE), (job["state"], job["kind"], job["created_by"]))
        self.assertEqual([begun["job_id"]], [j["job_id"] for j in (await self.ask("GET", "/jobs"))["items"]])
        await self.ask("GET", f"/rooms/{room_id}", status=404)
        blocked = await self.ask("GET", "/blocked_rooms")
        self.assertEqual([(room_id, "spam")], [(each["room_id"], each["reason"]) for each in blocked["items"]])
        await self.ask("DELETE", f"/rooms/{room_id}/block")
        await self.ask("POST", f"/jobs/{begun['job_id']}/cancel", status=400)

    async def test_a_user_is_made_to_run_a_room(self) -> None:
        """In the name of who may; nobody of this server may in a room of others."""
        room_id = await self.one.create(DAVE)
        theirs = await self.two.create(BOB, preset="public_chat")
        await self.one.join(DAVE, theirs, TWO)

        promoted = await self.ask("POST", f"/rooms/{room_id}/make_admin", {"user_id": ALICE})
        members = await self.ask("GET", f"/rooms/{room_id}/members")

        self.assertEqual({"user_id": ALICE, "by": DAVE}, promoted)
        self.assertEqual(100, {m["user_id"]: m.get("power_level") for m in members["items"]}[ALICE])
        await self.ask("POST", f"/rooms/{theirs}/make_admin", {"user_id": ALICE}, status=403)

    async def test_other_servers_are_shown_and_tried_again(self) -> None:
        """With what waits for them, and the rooms that both are in."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id)
        self.network.cut(ONE, TWO)
        await self.one.destinations.failed(TWO)

        failing = await self.ask("GET", "/federation/destinations", failing="true")
        shared = await self.ask("GET", f"/federation/destinations/{TWO}/rooms")
        self.network.heal()
        again = await self.ask("POST", f"/federation/destinations/{TWO}/reset")

        self.assertEqual([(TWO, False)], [(each["server_name"], each["answers"]) for each in failing["items"]])
        self.assertEqual([room_id], [each["room_id"] for each in shared["items"]])
        self.assertTrue(again["answers"])
        await self.ask("GET", "/federation/destinations/elsewhere.example", status=404)

    async def test_old_messages_are_deleted_and_state_stays(self) -> None:
        """Before an event; the room goes on as before, for others too."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        await self.two.join(BOB, room_id, ONE)
        for number in range(5):
            await self.one.send(ALICE, room_id, f"old {number}")
        cut = await self.one.send(ALICE, room_id, "new")
        await self.settle(room_id)
        before = await self.one.state(room_id)

        begun = await self.ask("POST", f"/rooms/{room_id}/purge_history", {"before_event": cut})
        ended = await self.removal.over(await self.removal.jobs.by_id(begun["job_id"]))

        self.assertEqual({"events": 5}, ended.result)
        self.assertEqual(["new"], await self.one.messages_of(room_id))
        self.assertEqual(before, await self.one.state(room_id))
        await self.two.send(BOB, room_id, "and on")
        await self.settle(room_id)
        self.assertEqual(["new", "and on"], await self.one.messages_of(room_id))
        await self.ask("POST", f"/rooms/{room_id}/purge_history", {}, status=400)

    async def test_what_has_outlived_its_time_is_hidden_at_once_and_deleted_later(self) -> None:
        """As the room says, within what the server allows; the newest event stays for the next to follow."""
        one = self.one
        settings = RetentionSettings(enabled=True, max_lifetime_least_days=1)
        retention = Retention(one.database, one.clock, one.known, self.removal.jobs, self.history, settings)
        self.removal.jobs.add_kind(retention)
        one.tail.follow(retention.follow)
        visible = VisibleHistory(one.database, one.known)
        visible.horizon = retention
        room_id = await one.create(ALICE)
        for number in range(3):
            await one.send(ALICE, room_id, f"old {number}")
        row = (await one.memberships.of(ALICE)).rows[room_id]
        timeline = await one.timeline_of(room_id)
        self.assertEqual(len(timeline), len(await visible.of(row, timeline)))

        # An hour: the server makes a day of it.
        await one.set_state(ALICE, room_id, "m.room.retention", {"max_lifetime": 3_600_000})
        one.clock.advance(3_700)
        self.assertEqual(len(timeline), len(await visible.of(row, timeline)))
        one.clock.advance(DAY_MS / 1000)
        seen = [entry.event.type for entry, _ in await visible.of(row, timeline)]
        self.assertNotIn("m.room.message", seen)
        self.assertIn("m.room.create", seen)

        newest = await one.send(ALICE, room_id, "new")
        job = await self.removal.over(await retention.begin())
        self.assertEqual(({"events": 3}, "done"), (job.result, job.state))
        self.assertEqual(["new"], await one.messages_of(room_id))
        self.assertEqual([newest], list((await one.room(room_id)).extremities))
