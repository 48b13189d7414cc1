"""
Subscriptions to threads, under the proposal's paths and those that clients use until it is in the spec.

Spec: proposals/4306
"""

from collections.abc import Awaitable
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import EventID, RoomID, parse_event_id
from homeserver.core.log import Position
from homeserver.core.malformed import Malformed
from homeserver.core.sync_tokens import parse_sliding_token, parse_sync_token
from homeserver.core.thread_subscriptions import parse_page_token
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.http.rows import Authentication, Body, Query, Row
from homeserver.services.callers import Caller
from homeserver.services.refusals import (
    ConflictingUnsubscription,
    NotInThread,
    UnstableConflictingUnsubscription,
    UnstableNotInThread,
)
from homeserver.services.thread_subscriptions import PAGE_DEFAULT, ThreadSubscriptions

_API: Final = "msc4306"
_BY: Final = Authentication.ACCESS_TOKEN
_STABLE: Final = "/_matrix/client/v1/rooms/{roomId}/thread/{eventId}/subscription"
_UNSTABLE: Final = "/_matrix/client/unstable/io.element.msc4306/rooms/{roomId}/thread/{eventId}/subscription"
_CHANGES: Final = "/_matrix/client/v1/thread_subscriptions"
_UNSTABLE_CHANGES: Final = "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions"
_PAGE: Final = (Query("dir"), Query("from"), Query("to"), Query("limit", "integer"))


@frozen
class SubscriptionBody:
    automatic: JSON = None


@frozen
class SubscriptionReply:
    automatic: bool


@frozen
class ThreadSubscriptionEndpoints:
    """Which threads the caller wants to hear of."""

    subscriptions: ThreadSubscriptions

    @operation(Row(_API, "subscribe", "PUT", _STABLE, _BY, body=Body.JSON))
    async def subscribe(self, caller: Caller, room_id: RoomID, event_id: EventID, body: SubscriptionBody) -> Empty:
        """The caller has subscribed.  Raises NotFound, NotInThread, ConflictingUnsubscription, TooLarge, Malformed."""
        await self.subscriptions.subscribe(caller, room_id, event_id, _cause(body.automatic))
        return Empty()

    @operation(Row(_API, "unsubscribe", "DELETE", _STABLE, _BY))
    async def unsubscribe(self, caller: Caller, room_id: RoomID, event_id: EventID) -> Empty:
        """The caller has not subscribed.  Raises NotFound, TooLarge."""
        await self.subscriptions.unsubscribe(caller, room_id, event_id)
        return Empty()

    @operation(Row(_API, "getSubscription", "GET", _STABLE, _BY))
    async def show(self, caller: Caller, room_id: RoomID, event_id: EventID) -> SubscriptionReply:
        """The caller's subscription.  Raises NotFound."""
        return SubscriptionReply((await self.subscriptions.state(caller, room_id, event_id)).automatic)

    @operation(Row(_API, "subscribeUnstable", "PUT", _UNSTABLE, _BY, body=Body.JSON))
    async def subscribe_unstable(
        self, caller: Caller, room_id: RoomID, event_id: EventID, body: SubscriptionBody
    ) -> Empty:
        """As ``subscribe``, with the error codes of before the proposal is in the spec."""
        await _in_unstable_words(self.subscribe(caller, room_id, event_id, body))
        return Empty()

    @operation(Row(_API, "unsubscribeUnstable", "DELETE", _UNSTABLE, _BY))
    async def unsubscribe_unstable(self, caller: Caller, room_id: RoomID, event_id: EventID) -> Empty:
        """As ``unsubscribe``."""
        return await self.unsubscribe(caller, room_id, event_id)

    @operation(Row(_API, "getSubscriptionUnstable", "GET", _UNSTABLE, _BY))
    async def show_unstable(self, caller: Caller, room_id: RoomID, event_id: EventID) -> SubscriptionReply:
        """As ``show``."""
        return await self.show(caller, room_id, event_id)

    @operation(Row("msc4308", "getSubscriptions", "GET", _CHANGES, _BY, query=_PAGE))
    async def changes(
        self,
        caller: Caller,
        dir: str = "b",
        from_: str | None = None,
        to: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> JSONObject:
        """A page of what the caller said of threads, the latest first.  Raises Malformed."""
        if dir != "b":
            raise Malformed("Changes are paged through backwards.", "dir", "M_INVALID_PARAM")
        if limit < 1:
            raise Malformed("A limit is a positive integer.", "limit", "M_INVALID_PARAM")
        upto = None if from_ is None else parse_page_token(from_)
        return await self.subscriptions.page(caller.user_id, _after(to), upto, limit)

    @operation(Row("msc4308", "getSubscriptionsUnstable", "GET", _UNSTABLE_CHANGES, _BY, query=_PAGE))
    async def changes_unstable(
        self,
        caller: Caller,
        dir: str = "b",
        from_: str | None = None,
        to: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> JSONObject:
        """As ``changes``."""
        return await self.changes(caller, dir, from_, to, limit)


def _cause(automatic: JSON) -> EventID | None:
    # False is what the proposal calls it in one place: not automatic.
    return None if automatic is None or automatic is False else parse_event_id(automatic)


def _after(to: str | None) -> Position:
    """Where a client has everything already: the pos of a sliding sync, or what a page ended with."""
    if to is None:
        return Position(0)
    if to.startswith("c"):
        return parse_sliding_token(to).since.position
    return parse_sync_token(to).position if to.startswith("s") else parse_page_token(to)


async def _in_unstable_words(subscribing: Awaitable[Empty]) -> None:
    try:
        await subscribing
    except ConflictingUnsubscription as refusal:
        raise UnstableConflictingUnsubscription from refusal
    except NotInThread as refusal:
        raise UnstableNotInThread from refusal
