"""What sliding sync remembers of a room goes with it."""

from tests.builders import ALICE
from tests.databases import each_database
from tests.sliding import SlidingServices
from tests.sliding_cases import SlidingCase


@each_database
class ForgettingTests(SlidingCase):
    async def test_a_room_that_is_gone(self) -> None:
        """Is in nobody's order, filters look at it again, and when it was bumped is asked of the store."""
        gone, other = await self.rooms(2)
        sliding = SlidingServices(self.sync)
        order = await sliding.orders.of(ALICE)
        nids = {room_id: order.rooms.joined[room_id].room_nid for room_id in (gone, other)}
        for room_id, nid in nids.items():
            await sliding.bumps.of(room_id, nid)
        order.touched.clear()
        for memory in (sliding.orders, sliding.bumps):
            memory.forget_room(gone, nids[gone])

        self.assertEqual([other], list(order.positions))
        self.assertEqual({gone}, order.touched)
        self.assertEqual({other}, sliding.bumps._bumps.keys())
