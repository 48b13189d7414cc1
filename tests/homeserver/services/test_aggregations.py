"""Tests of homeserver.services.aggregations."""

from sqlalchemy import delete

from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID
from homeserver.core.relations import THREAD
from homeserver.services.clock import now_ms
from homeserver.services.room_views import RoomView
from homeserver.store import relations
from homeserver.store.schema.events import events
from homeserver.store.write import Write
from tests.builders import ALICE
from tests.databases import DatabaseCase, each_database
from tests.syncing import SyncServices


def _purge(tx: Write, nid: int) -> None:
    """As another process purges history, of which the log has not told yet."""
    relations.forget(tx, nid)
    tx.connection.execute(delete(events).where(events.c.nid == nid))


@each_database
class AggregationsTests(DatabaseCase):
    async def test_a_thread_whose_end_is_gone(self) -> None:
        """Its summary may be in memory still: what is not stored any more is not told."""
        services = SyncServices(self.database)
        room_id = await services.new_room(ALICE)
        row = (await services.memberships.of(ALICE)).joined[room_id]
        root = await services.say(room_id, ALICE, "root")
        content: JSONObject = {"body": "reply", "m.relates_to": {"rel_type": THREAD, "event_id": root}}
        reply = await services.rooms.timeline.send(room_id, Draft("m.room.message", ALICE, content))
        found = await services.known.by_ids([root, reply])
        aggregations = services.timelines.aggregations

        async def bundles() -> set[EventID]:
            view = RoomView(row.room_nid, room_id, ALICE, None, row, services.tail.head)
            return {*await aggregations.of(view, [found[root]], now_ms(services.clock))}

        before = await bundles()
        await self.database.write(_purge, found[reply].nid)
        services.known.forget(reply)

        self.assertEqual(({root}, set()), (before, await bundles()))
