"""
What a search has found so far, and by whom or where.

Spec: client-server-api#server-side-search
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.search_tokens import GroupKey, SearchToken
from homeserver.core.timeline import TimelineEvent
from homeserver.services.room_views import RoomView
from homeserver.services.visible_history import Seen
from homeserver.store.search_hits import Hit, Hits

DEPTH_MAX: Final = 10_000
"""How many matches one search goes through, part by part."""


@frozen(eq=False)
class Result:
    """A match that is shown; *text*: that by which it was found."""

    hit: Hit
    view: RoomView
    seen: Seen
    text: str

    @property
    def event(self) -> TimelineEvent:
        return self.seen[0]


@frozen(eq=False)
class Part:
    """
    The results of one request: *found*, after *upto* matches of *hits* were looked at since the search began.

    *hidden*: how many of those that it looked at are not for this reader.
    """

    hits: Hits
    found: Sequence[Result]
    upto: int
    hidden: int = 0

    @property
    def rest(self) -> Sequence[Hit]:
        return self.hits.first[self.upto :]

    @property
    def is_last(self) -> bool:
        return self.upto >= min(self.hits.total, DEPTH_MAX)


def groups_of(part: Part, token: SearchToken | None, key: GroupKey) -> JSONObject:
    """The results by room or sender, in the order in which the first of each comes."""
    groups: dict[str, list[Result]] = {}
    for result in part.found:
        groups.setdefault(_group_of(result, key), []).append(result)
    answer: JSONObject = {}
    for order, (value, results) in enumerate(groups.items(), 1):
        group: JSONObject = {"order": order, "results": [result.event.event_id for result in results]}
        goes_on = _goes_on(part, token, key, value, results)
        if goes_on is not None:
            group["next_batch"] = str(goes_on)
        answer[value] = group
    return answer


def _goes_on(
    part: Part, token: SearchToken | None, key: GroupKey, value: str, results: Sequence[Result]
) -> SearchToken | None:
    """From where there is more of one group; None: nowhere."""
    if token is None or part.is_last:
        return None
    if token.group is not None:
        return evolve(token, offset=part.upto) if token.group == (key, value) else None
    one = results[0].hit
    in_group = [(hit.room_nid if key == "room_id" else hit.sender) for hit in part.hits.first]
    wanted = one.room_nid if key == "room_id" else one.sender
    passed, ahead = in_group[: part.upto].count(wanted), in_group[part.upto :].count(wanted)
    # Of what was not looked at, nobody knows whose it is.
    is_known = part.hits.total <= len(in_group)
    return None if is_known and not ahead else SearchToken(token.newest, passed, (key, value))


def _group_of(result: Result, key: GroupKey) -> str:
    return result.view.room_id if key == "room_id" else result.event.event.sender
