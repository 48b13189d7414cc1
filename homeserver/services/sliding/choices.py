"""
Which rooms an answer tells of: what lists and subscriptions show, as far as there may be anything to tell.

Spec: proposals/4186
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from homeserver.core.identifiers import RoomID
from homeserver.core.log import ACCOUNT_DATA, Position
from homeserver.core.sliding.requests import SlidingRequest
from homeserver.core.sliding.room_configs import RoomConfig, combined
from homeserver.services.sliding.entries import Pick
from homeserver.services.sliding.links import Link, Memory, Sent
from homeserver.services.sliding.room_orders import RoomOrder
from homeserver.services.sync.section import SyncSpan
from homeserver.store.memberships import Membership

LEFT: Final = frozenset({"leave", "ban"})
LAST_EVENTS_MAX: Final = 20
"""Of a room that the user has left."""


@frozen(eq=False)
class Choice:
    """The rooms of an answer: *picks* go into it, if there is anything to tell; *numbers*: of their configs."""

    picks: Sequence[Pick]
    numbers: Sequence[int]
    memory: Memory
    behind: Mapping[int, Sent]
    """Rooms that no list shows and something happened in: by their nids, what the client still has of them."""


@define(eq=False)
class _Configs:
    """What is wanted of rooms, by the rules of the request that match them; *memory* numbers it."""

    request: SlidingRequest
    timeline_max: int
    memory: Memory
    _known: dict[tuple[tuple[str, ...], RoomID | None], tuple[RoomConfig, int]] = field(init=False, factory=dict)

    def of(self, room_id: RoomID, names: Sequence[str]) -> tuple[RoomConfig, int]:
        """What is wanted of a room that the lists of these *names* show, and its number."""
        request, subscribed = self.request, room_id in self.request.subscriptions
        combination = (tuple(names), room_id if subscribed else None)
        known = self._known.get(combination)
        if known is None:
            several = [request.lists[name].config for name in names]
            if subscribed:
                several.append(request.subscriptions[room_id])
            config = combined(several)
            config = evolve(config, timeline_limit=min(config.timeline_limit, self.timeline_max))
            self.memory, number = self.memory.with_config(config.required)
            known = self._known[combination] = config, number
        return known


def choose(
    span: SyncSpan,
    order: RoomOrder,
    request: SlidingRequest,
    link: Link,
    listed: Mapping[RoomID, Sequence[str]],
    timeline_max: int,
) -> Choice:
    """The rooms that lists and subscriptions show, as far as there may be anything to tell of them."""
    picks: list[Pick] = []
    numbers: list[int] = []
    configs = _Configs(request, timeline_max, link.memory)
    shown = _shown(order, request, listed)
    for room_id, names in shown.items():
        row = order.rooms.rows[room_id]
        config, number = configs.of(room_id, names)
        sent = link.sent.get(row.room_nid)
        position = order.positions.get(room_id, row.position)
        is_dm = room_id in order.direct
        if position <= span.after and sent is not None and _is_told(sent, config, number, is_dm=is_dm):
            continue
        former = None if sent is None else link.memory.configs[sent.config]
        picks.append(Pick(row, names, config, sent, former, position, is_dm))
        numbers.append(number)
    for row in _left(span, link, shown):
        sent = link.sent[row.room_nid]
        required = link.memory.configs[sent.config]
        config = RoomConfig(max(1, min(sent.events, LAST_EVENTS_MAX)), required)
        picks.append(Pick(row, (), config, sent, required, row.position, sent.is_dm))
        numbers.append(sent.config)
    return Choice(picks, numbers, configs.memory, _behind(order, link, shown, span.after))


def _shown(
    order: RoomOrder, request: SlidingRequest, listed: Mapping[RoomID, Sequence[str]]
) -> dict[RoomID, Sequence[str]]:
    """``{room: the lists that show it}``, and the subscriptions that none shows."""
    shown = dict(listed)
    for room_id in request.subscriptions:
        row = order.rooms.rows.get(room_id)
        if row is not None and not row.forgotten and room_id not in order.hidden:
            shown.setdefault(room_id, ())
    return shown


def _is_told(sent: Sent, config: RoomConfig, number: int, *, is_dm: bool) -> bool:
    """Whether the client has all of the room that is wanted, as far as nothing has happened there."""
    return sent.upto is None and sent.config == number and config.timeline_limit <= sent.events and sent.is_dm == is_dm


def _left(span: SyncSpan, link: Link, shown: Mapping[RoomID, object]) -> Iterable[Membership]:
    """Rooms that the client knows and no list shows any more, as the user has left them since."""
    if span.since is None or span.rooms.changed_at <= span.after:
        return ()
    return (
        row
        for room_id, row in span.rooms.rows.items()
        if row.position > span.after and row.membership in LEFT and row.room_nid in link.sent and room_id not in shown
    )


def _behind(order: RoomOrder, link: Link, shown: Mapping[RoomID, object], after: Position) -> Mapping[int, Sent]:
    behind: dict[int, Sent] = {}
    if not link.sent:
        return behind
    for room_id, position in reversed(order.positions.items()):
        if position <= after:
            break
        sent = link.sent.get(order.rooms.rows[room_id].room_nid)
        if sent is not None and sent.upto is None and room_id not in shown:
            behind[order.rooms.rows[room_id].room_nid] = evolve(sent, upto=after)
    return behind


def asides(span: SyncSpan, order: RoomOrder, link: Link, picks: Sequence[Pick], read: Collection[str]) -> list[Pick]:
    """Rooms that nothing has happened in, but of which counts or directness are something else."""
    if span.since is None:
        return []
    taken = {pick.row.room_id for pick in picks}
    joined = span.rooms.joined
    wanted = {RoomID(room_id) for room_id in read}
    if span.changes.touches(ACCOUNT_DATA, span.user_id):
        wanted.update(
            room_id
            for room_id, row in joined.items()
            if row.room_nid in link.sent and link.sent[row.room_nid].is_dm != (room_id in order.direct)
        )
    asides: list[Pick] = []
    for room_id in wanted - taken:
        row = joined.get(room_id)
        sent = None if row is None else link.sent.get(row.room_nid)
        if row is not None and sent is not None:
            required = link.memory.configs[sent.config]
            is_dm = room_id in order.direct
            asides.append(Pick(row, (), RoomConfig(0, required), sent, required, row.position, is_dm, aside=True))
    return asides
