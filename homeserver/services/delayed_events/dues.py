"""When scheduled events are to be sent, as far as this process knows."""

from heapq import heappop, heappush

from attrs import define, field


@define(eq=False)
class Dues:
    """Times by delay ID, the next one at hand."""

    _at_ms: dict[str, int] = field(init=False, factory=dict)
    _heap: list[tuple[int, str]] = field(init=False, factory=list)
    """May hold times that are not good any more: those in *_at_ms* count."""

    def set(self, delay_id: str, at_ms: int) -> None:
        """The event is to be sent then, and not when it was to be before."""
        self._at_ms[delay_id] = at_ms
        heappush(self._heap, (at_ms, delay_id))
        if len(self._heap) > 2 * len(self._at_ms) + 64:
            self._heap = sorted((at_ms, delay_id) for delay_id, at_ms in self._at_ms.items())

    def discard(self, delay_id: str) -> None:
        """The event is not to be sent."""
        self._at_ms.pop(delay_id, None)

    def __contains__(self, delay_id: str) -> bool:
        return delay_id in self._at_ms

    @property
    def next_ms(self) -> int | None:
        """When the next event is to be sent; None: there is none."""
        while self._heap and self._at_ms.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now_ms: int, limit: int) -> list[str]:
        """The first *limit* events that are to be sent by now, in the order of their times; they are here no more."""
        taken: list[str] = []
        while len(taken) < limit and (next_ms := self.next_ms) is not None and next_ms <= now_ms:
            _, delay_id = heappop(self._heap)
            del self._at_ms[delay_id]
            taken.append(delay_id)
        return taken
