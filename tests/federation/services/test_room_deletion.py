"""Tests of ``homeserver.services.room_removal`` on whole servers: what is left of a room, and what comes of it."""

from typing import Any

from sqlalchemy import LargeBinary, SmallInteger, Text
from twisted.trial.unittest import TestCase

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft, Transaction
from homeserver.core.identifiers import DeviceID, RoomAlias, RoomID
from homeserver.core.log import Position
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.settings import JobSettings
from homeserver.services.jobs.work import LEASE_SECONDS
from homeserver.services.refusals import BadState, Forbidden, NotFound, NotInRoom
from homeserver.services.room_removal.deletion import DeletionRequest
from homeserver.services.room_removal.evicting import Refuge
from homeserver.store import account_data, events, room_aliases, rooms, search
from homeserver.store.prepared import insert_into
from homeserver.store.room_purge import APART
from homeserver.store.room_tables import room_column_of
from homeserver.store.write import Write
from tests.databases import SCHEMAS, each_database
from tests.federation.servers import ALICE, BOB, DAVE, ONE, Federation
from tests.removal import everything, removal_on, rows_with
from tests.waiting import until

OLD = RoomAlias("#old:one.example")
SMALL_STEPS = JobSettings(step_ms=1)


@each_database
class RoomDeletionTests(Federation, TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.removal = await removal_on(self.one)
        await self.removal.jobs.start()
        self.addCleanup(self._stop_jobs)

    async def _stop_jobs(self) -> None:
        await self.removal.jobs.stop()

    async def a_room(self, **request: Any) -> RoomID:
        """A room of both servers where all kinds of things have happened."""
        room_id = await self.one.create(ALICE, preset="public_chat", **request)
        await self.one.join(DAVE, room_id)
        await self.two.join(BOB, room_id, ONE)
        first = await self.one.send(ALICE, room_id, "something to be found")
        relation = {"rel_type": "m.thread", "event_id": first}
        content: JSONObject = {"msgtype": "m.text", "body": "an answer", "m.relates_to": dict(relation)}
        reply = Draft("m.room.message", DAVE, content, transaction=Transaction(DeviceID("PHONE"), "txn1"))
        await self.one.timeline.send(room_id, reply)
        redacted = await self.one.send(ALICE, room_id, "said too much")
        redaction = Draft("m.room.redaction", ALICE, {"redacts": redacted}, redacts=redacted)
        await self.one.timeline.send(room_id, redaction)
        await self.two.send(BOB, room_id, "hello from two")
        await self.settle(room_id)
        await self.one.receipts.advance(DAVE, room_id, "m.read", first)
        await self.one.database.write(_decorate, room_id)
        await self.one.database.write(_index)
        await self.quiet()
        return room_id

    async def names_of(self, room_id: RoomID) -> list[str]:
        """By what anybody would find a trace of the room: its ID, and those of its events."""
        room = await self.one.database.read(rooms.by_id, room_id)
        assert room is not None
        found = await self.one.database.read(events.between, room.nid, -(2**62), 2**62, 10_000)
        assert len(found) > 10
        return [room_id, *(event.event_id for event in found)]

    async def test_nothing_of_a_deleted_room_is_left(self) -> None:
        """No row of any table of any package names the room or an event of it; positions of the log have no gaps."""
        room_id = await self.a_room()
        names = await self.names_of(room_id)
        before = rows_with(await self.one.database.scan(everything), names)
        self.assertGreater(len({row.partition(":")[0] for row in before}), 6)

        job = await self.removal.delete(room_id)

        self.assertEqual(("done", None), (job.state, job.error))
        self.assertEqual(2, job.result["evicted"] if job.result else None)
        whole = await self.one.database.scan(everything)
        self.assertEqual([], rows_with(whole, names))
        positions = sorted(int(row.split()[0]) for row in whole["log"])
        self.assertEqual(list(range(positions[0], positions[-1] + 1)), positions)
        self.assertEqual(job.done, job.total)

    async def test_every_table_with_something_of_rooms_is_emptied(self) -> None:
        """A row is put into each table that has a column for a room or an event: also those that are not used today."""
        room_id = await self.a_room()
        room = await self.one.database.read(rooms.by_id, room_id)
        assert room is not None
        placed = await self.one.database.write(_fill, room.nid, room_id)
        self.assertGreater(len(placed), 12)
        # Somebody whom nobody has heard of is to be told.
        self.removal.deletion.farewell_seconds = 1

        job = await self.removal.delete(room_id)

        self.assertEqual("done", job.state, job.error)
        left = {
            name: count
            for name, count in (await self.one.database.scan(_counts, room.nid, room_id)).items()
            if count and name not in KEPT
        }
        self.assertEqual({}, left)

    async def test_others_hear_that_our_users_have_left(self) -> None:
        """A server that takes part learns of every leave before the room is gone here."""
        room_id = await self.a_room()

        await self.removal.delete(room_id)
        await self.quiet()

        self.assertEqual("leave", await self.two.membership(room_id, ALICE))
        self.assertEqual("leave", await self.two.membership(room_id, DAVE))
        self.assertEqual({BOB}, (await self.two.room(room_id)).joined)

    async def test_a_room_that_was_deleted_can_be_joined_again(self) -> None:
        """By way of another server; its history comes back from there, and messages go both ways."""
        room_id = await self.a_room()
        await self.removal.delete(room_id)
        with self.assertRaises(NotInRoom):
            await self.one.room(room_id)

        await self.one.join(ALICE, room_id, self.two.name)
        await self.settle(room_id)
        await self.one.send(ALICE, room_id, "I am back")
        await self.two.send(BOB, room_id, "welcome back")
        await self.settle(room_id)

        self.assertEqual("join", await self.one.own_membership(ALICE, room_id))
        self.assertEqual(["I am back", "welcome back"], await self.one.messages_of(room_id))
        missing = await self.one.backfill.history.missing(room_id)
        self.assertTrue(await self.one.backfill.backfill(room_id, missing[0].before, 50))
        self.assertIn("hello from two", await self.one.messages_of(room_id))

    async def test_a_job_goes_on_where_another_process_was_killed(self) -> None:
        """Whatever the moment: the next process finishes it when the lease of the first is over."""
        await self.removal.jobs.stop()
        room_id = await self.a_room()
        for number in range(120):
            await self.one.send(ALICE, room_id, f"message {number}")
        await self.quiet()
        names = await self.names_of(room_id)
        dying = await removal_on(self.one, SMALL_STEPS, Killed)
        await dying.jobs.start()
        job = await dying.deletion.request(DeletionRequest(room_id), None)

        async def is_half_done() -> bool:
            await self.one.database.catch_up()
            return (await dying.jobs.by_id(job.nid)).place.get("phase") == "events"

        await until(is_half_done, "events are being deleted", clock=self.one.clock)
        await dying.jobs.stop()
        self.assertEqual("running", (await dying.jobs.by_id(job.nid)).state)
        with self.assertRaises(BadState):
            await dying.jobs.cancel(job.nid)

        again = await removal_on(self.one)
        with self.assertRaises(Forbidden):
            await self.one.join(ALICE, room_id, self.two.name)
        await again.jobs.start()
        self.one.clock.advance(LEASE_SECONDS + 10)
        ended = await again.over(job)
        await again.jobs.stop()

        self.assertEqual(("done", None), (ended.state, ended.error))
        self.assertEqual([], rows_with(await self.one.database.scan(everything), names))

    async def test_members_find_themselves_in_another_room(self) -> None:
        """With the message, and the aliases that led to the old one; nobody but its maker may speak there."""
        room_id = await self.a_room()
        await self.one.database.write(room_aliases.insert_new, OLD, room_id, [ONE], ALICE)
        refuge = Refuge(ALICE, "Moved", "The old room is gone.")

        job = await self.removal.delete(room_id, refuge=refuge, reason="Cleaning up")

        assert job.result is not None
        new = RoomID(str(job.result["refuge"]))
        self.assertEqual({ALICE, DAVE}, (await self.one.room(new)).joined)
        self.assertEqual(["The old room is gone."], await self.one.messages_of(new))
        alias = await self.one.database.read(room_aliases.by_alias, OLD)
        assert alias is not None
        self.assertEqual(new, alias.room_id)
        with self.assertRaises(Forbidden):
            await self.one.send(DAVE, new, "may I?")

    async def test_a_room_may_be_emptied_and_kept(self) -> None:
        """Without a purge its events stay where they are, and it can be entered again."""
        room_id = await self.a_room()

        job = await self.removal.delete(room_id, purge=False)

        self.assertEqual("done", job.state)
        self.assertEqual("leave", await self.one.own_membership(ALICE, room_id))
        self.assertGreater(len(await self.names_of(room_id)), 10)
        self.assertEqual([], await self.removal.closed.of_room(room_id))

    async def test_blocked_rooms_are_closed_both_ways(self) -> None:
        """Nobody here joins, knocks, invites or is invited; servers in the room get nobody in through this one."""
        room_id = await self.one.create(ALICE, preset="public_chat")
        theirs = await self.two.create(BOB, preset="private_chat")
        await self.removal.closed.block(room_id, ALICE, "spam")
        await self.removal.closed.block(theirs, ALICE)

        for attempt in (
            lambda: self.one.join(DAVE, room_id),
            lambda: self.one.knock(DAVE, room_id),
            lambda: self.one.inviting.invite(ALICE, room_id, DAVE),
            lambda: self.two.join(BOB, room_id, ONE),
            lambda: self.two.inviting.invite(BOB, theirs, ALICE),
        ):
            with self.assertRaises(Forbidden):
                await attempt()
        blocked = [each.room_id for each in await self.removal.closed.blocked("", 10)]
        self.assertEqual(sorted([room_id, theirs]), sorted(blocked))
        await self.removal.closed.unblock(room_id)
        await self.one.join(DAVE, room_id)
        with self.assertRaises(NotFound):
            await self.removal.closed.unblock(room_id)

    async def test_a_blocked_room_stays_blocked_when_it_is_deleted(self) -> None:
        """It is blocked from the request on, and nobody comes back into it."""
        room_id = await self.a_room()

        await self.removal.delete(room_id, block=True, reason="never again")

        with self.assertRaises(Forbidden):
            await self.one.join(ALICE, room_id, self.two.name)
        self.assertEqual(["never again"], [each.reason for each in await self.removal.closed.blocked("", 10)])
        again = await removal_on(self.one)
        with self.assertRaises(Forbidden):
            again.closed.require_open(room_id)

    async def test_a_room_that_is_known_by_an_invite_alone_is_deleted(self) -> None:
        """The invite is declined, and what it brought is gone."""
        theirs = await self.two.create(BOB, preset="private_chat")
        await self.two.inviting.invite(BOB, theirs, ALICE)
        self.assertEqual("invite", await self.one.own_membership(ALICE, theirs))

        job = await self.removal.delete(theirs)

        self.assertEqual("done", job.state, job.error)
        self.assertEqual([], rows_with(await self.one.database.scan(everything), [theirs]))
        self.assertIsNone(await self.one.own_membership(ALICE, theirs))
        with self.assertRaises(NotFound):
            await self.removal.deletion.request(DeletionRequest(theirs), None)

    async def test_the_same_room_is_deleted_once(self) -> None:
        """Who asks again is told of the job that is under way; before the room is shut it may be called off."""
        await self.removal.jobs.stop()
        room_id = await self.a_room()
        first = await self.removal.deletion.request(DeletionRequest(room_id), ALICE)
        second = await self.removal.deletion.request(DeletionRequest(room_id), DAVE)
        self.assertEqual(first.nid, second.nid)

        cancelled = await self.removal.jobs.cancel(first.nid)

        self.assertEqual("cancelled", cancelled.state)
        self.removal.closed.require_open(room_id)
        self.assertEqual("join", await self.one.own_membership(ALICE, room_id))


KEPT = {
    **{name: reason for name, reason in APART.items() if name == "closed_rooms"},
    "backup_keys": "the backups of their keys belong to the users, who may come back",
}


class Killed(Jobs):
    """When it stops nobody is told, and nothing is given back."""

    async def _postpone(self, *_: Any, **__: Any) -> None:
        pass

    async def _finish(self, *_: Any, **__: Any) -> None:
        pass


def _decorate(tx: Write, room_id: RoomID) -> None:
    account_data.replace(tx, ALICE, room_id, "m.tag", '{"tags": {}}', tx.log("account_data", ALICE))


def _index(tx: Write) -> None:
    search.store(tx, search.harvest(tx.connection, Position(0), tx.position).documents)


def _fill(tx: Write, room_nid: int, room_id: RoomID) -> list[str]:
    """A row that belongs to the room in each table where one can; answers the tables."""
    nids = [row.nid for row in events.latest(tx.connection, room_nid, -(2**62), 2**62, 1)]
    placed = []
    for schema in SCHEMAS:
        for table in schema.metadata.sorted_tables:
            column = room_column_of(table)
            if table.name in {"rooms", "events", "search_documents", "room_summaries", "closed_rooms"}:
                continue
            if column is None and "event_nid" not in table.c:
                continue
            row = {each.name: _value(each) for each in table.c if not each.nullable or each.primary_key}
            row.update({"room_nid": room_nid} if "room_nid" in table.c else {})
            row.update({"room_id": room_id} if "room_id" in table.c else {})
            row.update({"event_nid": nids[0]} if "event_nid" in table.c else {})
            statement = insert_into(tx.connection.dialect.name, table).values(row).on_conflict_do_nothing()
            tx.connection.execute(statement)
            placed.append(table.name)
    return placed


def _value(column: Any) -> object:
    kind = column.type
    if isinstance(kind, LargeBinary):
        return b"[]"
    if isinstance(kind, Text):
        return "[]"
    return False if kind.python_type is bool else 1_000_000_000 if not isinstance(kind, SmallInteger) else 1


def _counts(tx: Any, room_nid: int, room_id: RoomID) -> dict[str, int]:
    counts: dict[str, int] = {}
    for schema in SCHEMAS:
        for table in schema.metadata.sorted_tables:
            column = room_column_of(table)
            if column is not None:
                value: object = room_nid if column == "room_nid" else room_id
                quoted = str(value) if isinstance(value, int) else f"'{value}'"
                query = f'SELECT count(*) FROM "{table.name}" WHERE "{column}" = {quoted}'
                counts[table.name] = tx.exec_driver_sql(query).scalar()
            elif "event_nid" in table.c:
                query = f'SELECT count(*) FROM "{table.name}" WHERE event_nid NOT IN (SELECT nid FROM events)'
                counts[table.name] = tx.exec_driver_sql(query).scalar()
    return counts
