"""
Full text search.

Spec: client-server-api#server-side-search
"""

from typing import Annotated, Literal

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.filters import EVERYTHING, EventFilter, parse_event_filter
from homeserver.core.malformed import Malformed
from homeserver.core.search_tokens import GroupKey, SearchToken, parse_search_token
from homeserver.core.search_words import TERM_LENGTH_MAX
from homeserver.core.searchable import EVERY_KEY, SEARCH_KEYS, SearchKey
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.search.service import ContextRequest, Search, SearchRequest

Token = Annotated[SearchToken, parse_search_token]


def parse_term(value: JSON) -> str:
    """What is looked for.  Raises Malformed."""
    if not isinstance(value, str):
        raise Malformed("This must be a string.")
    if len(value) > TERM_LENGTH_MAX:
        raise Malformed(f"This is longer than {TERM_LENGTH_MAX} characters.", code="M_INVALID_PARAM")
    return value


def parse_surroundings(value: JSON) -> int:
    """How many events are wanted before or after a result.  Raises Malformed."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed("This must be an integer that is not negative.", code="M_INVALID_PARAM")
    return value


@frozen
class ContextBody:
    """What surrounds the results."""

    before_limit: Annotated[int, parse_surroundings] = 5
    after_limit: Annotated[int, parse_surroundings] = 5
    include_profile: bool = False


@frozen
class GroupBody:
    """By what the results are grouped."""

    key: GroupKey | None = None


@frozen
class GroupingsBody:
    """All groupings."""

    group_by: tuple[GroupBody, ...] = ()


@frozen
class RoomEventsBody:
    """What is looked for among the events of rooms."""

    search_term: Annotated[str, parse_term]
    keys: tuple[Literal["content.body", "content.name", "content.topic"], ...] | None = None
    filter: Annotated[EventFilter, parse_event_filter] = EVERYTHING
    order_by: Literal["recent", "rank"] = "rank"
    event_context: ContextBody | None = None
    include_state: bool = False
    groupings: GroupingsBody = GroupingsBody()


@frozen
class CategoriesBody:
    """Where something is looked for; there is one place."""

    room_events: RoomEventsBody | None = None


@frozen
class SearchBody:
    """A search."""

    search_categories: CategoriesBody = field()


@frozen
class SearchEndpoints:
    """Events by their words."""

    search_: Search

    @operation("search")
    async def search(self, caller: Caller, body: SearchBody, next_batch: Token | None = None) -> JSONObject:
        """What is found.  Raises Malformed, Forbidden."""
        wanted = body.search_categories.room_events
        if wanted is None:
            return {"search_categories": {}}
        found = await self.search_.search(caller, _request(wanted, next_batch))
        return {"search_categories": {"room_events": found}}


def _request(body: RoomEventsBody, token: SearchToken | None) -> SearchRequest:
    keys = EVERY_KEY
    if body.keys is not None:
        keys = SearchKey(0)
        for name in body.keys:
            keys |= SEARCH_KEYS[name]
    context = body.event_context
    return SearchRequest(
        body.search_term,
        keys,
        body.filter,
        body.order_by == "rank",
        None if context is None else ContextRequest(context.before_limit, context.after_limit, context.include_profile),
        body.include_state,
        tuple(dict.fromkeys(group.key for group in body.groupings.group_by if group.key is not None)),
        token,
    )
