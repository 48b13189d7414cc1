"""Outgoing events in the form that goes into transactions: encoded once, however many servers they go to."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import orjson
from attrs import define, field

from federation.core.transactions import PduPlace
from federation.services.ports import Outgoing, OutgoingEvents
from homeserver.core.hashes import encode_event
from homeserver.core.log import Position


@define(eq=False)
class OutgoingPdus:
    """The *kept_max* last used, by position; the rest is read again."""

    events: OutgoingEvents
    kept_max: int = 2_000
    _kept: OrderedDict[Position, orjson.Fragment] = field(init=False, factory=OrderedDict)

    def add(self, outgoing: Iterable[Outgoing]) -> None:
        """They are at hand."""
        for each in outgoing:
            self._kept[each.position] = orjson.Fragment(encode_event(each.event.pdu, each.event.version))
        while len(self._kept) > self.kept_max:
            self._kept.popitem(last=False)

    async def encoded(self, places: Sequence[PduPlace]) -> list[orjson.Fragment]:
        """The events at *places*, in this order, spliced into JSON as they are; those that are gone are left out."""
        found = {place.position: self._kept.get(place.position) for place in places}
        missing = [position for position, fragment in found.items() if fragment is None]
        if missing:
            read = await self.events.events_at(missing)
            self.add(read)
            for each in read:
                found[each.position] = self._kept.get(each.position)
        return [fragment for place in places if (fragment := found[place.position]) is not None]
