"""
Users say which threads they want to hear of.

Spec: proposals/4306
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.core.log import THREAD_SUBSCRIPTION, LogEntry, Position
from homeserver.core.malformed import Malformed
from homeserver.core.relations import MAIN_THREAD
from homeserver.core.thread_subscriptions import page_token, subscriptions_json
from homeserver.services.callers import Caller
from homeserver.services.log_tail import LogTail
from homeserver.services.messages import Messages
from homeserver.services.refusals import ConflictingUnsubscription, NotFound, NotInRoom, NotInThread, TooLarge
from homeserver.services.room_views import RoomView, RoomViews
from homeserver.services.sliding.extensions import ExtensionAnswer, ExtensionSpan
from homeserver.services.threads import Threads
from homeserver.store import thread_subscriptions as stored
from homeserver.store import unread
from homeserver.store.database import Database
from homeserver.store.thread_subscriptions import SubscriptionState
from homeserver.store.write import Write

THREADS_MAX: Final = 20_000
"""Of which one user says something."""
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000
NO_THREADS: Final[frozenset[str]] = frozenset()


@define(eq=False)
class ThreadSubscriptions:
    """
    What users say, and for the *users_max* users last asked about, to which threads they have subscribed.

    To follow the log's tail.
    """

    database: Database
    tail: LogTail
    views: RoomViews
    messages: Messages
    threads: Threads
    users_max: int = 20_000
    _known: OrderedDict[UserID, Mapping[int, Collection[str]] | None] = field(init=False, factory=OrderedDict)

    async def of(self, user_id: UserID, room_nid: int) -> Collection[str] | None:
        """The threads of a room that the user has subscribed to; None: the user never said anything of any thread."""
        if user_id in self._known:
            found = self._known[user_id]
            self._known.move_to_end(user_id)
        else:
            head = self.tail.head
            found = await self.database.read(stored.of_user, user_id)
            if head == self.tail.head:
                self._known[user_id] = found
                while len(self._known) > self.users_max:
                    self._known.popitem(last=False)
        return None if found is None else found.get(room_nid, NO_THREADS)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Whoever said something is asked anew."""
        for entry in entries:
            if entry.kind == THREAD_SUBSCRIPTION:
                self._known.pop(UserID(entry.subject), None)

    def delete_of_account(self, tx: Write, user_id: UserID, *, erase: bool) -> None:
        """Who wants to be forgotten has said nothing of any thread."""
        if erase:
            stored.delete_of_user(tx, user_id)
            tx.log(THREAD_SUBSCRIPTION, user_id)

    async def state(self, caller: Caller, room_id: RoomID, thread_id: EventID) -> SubscriptionState:
        """The caller's subscription.  Raises NotFound."""
        view = await self._open(caller, room_id, thread_id)
        state = await self.database.read(stored.state, caller.user_id, view.room_nid, thread_id)
        if state is None or not state.subscribed:
            raise NotFound("You have not subscribed to this thread.")
        return state

    async def subscribe(self, caller: Caller, room_id: RoomID, thread_id: EventID, cause: EventID | None) -> None:
        """
        The caller has subscribed; *cause*: the event of the thread because of which a client did, by itself.

        Raises NotFound, NotInThread, ConflictingUnsubscription, TooLarge.
        """
        view = await self._open(caller, room_id, thread_id)
        caused_at = None if cause is None else await self._position_of(view, thread_id, cause)
        await self.database.write(_subscribe, caller.user_id, view.room_nid, thread_id, caused_at)

    async def unsubscribe(self, caller: Caller, room_id: RoomID, thread_id: EventID) -> None:
        """The caller has not subscribed, and no event until now subscribes them again.  Raises NotFound, TooLarge."""
        view = await self._open(caller, room_id, thread_id)
        await self.database.write(_unsubscribe, caller.user_id, view.room_nid, thread_id)

    async def page(self, user_id: UserID, after: Position, upto: Position | None, limit: int) -> JSONObject:
        """The newest changes after *after* up to *upto* (None: now), and where to go on, if there are more: ``end``."""
        newest = self.tail.head if upto is None else upto
        wanted = max(1, min(limit, PAGE_MAX))
        found = await self.database.read(stored.between, user_id, after, newest, wanted + 1)
        page = subscriptions_json(found[:wanted])
        if len(found) > wanted:
            page["end"] = page_token(Position(found[wanted - 1].position - 1))
        return page

    async def _open(self, caller: Caller, room_id: RoomID, thread_id: EventID) -> RoomView:
        """The room, in which the caller may see the event that the thread begins with.  Raises NotFound."""
        try:
            view = await self.views.open(caller, room_id)
        except NotInRoom as refusal:
            raise NotFound("There is no such thread, or you may not see it.") from refusal
        root = await self.messages.visible(view, thread_id)
        if await self.threads.of(root.event) != MAIN_THREAD:
            # What is in a thread begins no other.
            raise NotFound("There is no such thread, or you may not see it.")
        return view

    async def _position_of(self, view: RoomView, thread_id: EventID, cause: EventID) -> int:
        """When the server received the cause."""
        try:
            event = await self.messages.visible(view, cause)
        except NotFound as refusal:
            raise NotInThread from refusal
        if await self.threads.of(event.event) != thread_id:
            raise NotInThread
        return event.nid


@define(eq=False)
class ThreadSubscriptionsExtension:
    """What a user said of threads since the last sliding sync, on whichever device."""

    subscriptions: ThreadSubscriptions
    name: str

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """The newest changes; where there are more, from where to page back through them."""
        span, limit = ask.span, ask.wishes.get("limit", PAGE_DEFAULT)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise Malformed("A limit is a positive integer.", f"extensions.{self.name}.limit", "M_INVALID_PARAM")
        if not ask.is_new and not span.changes.touches(THREAD_SUBSCRIPTION, span.user_id):
            return ExtensionAnswer()
        page = await self.subscriptions.page(span.user_id, ask.after, span.upto.position, limit)
        if not page:
            return ExtensionAnswer()
        if "end" in page:
            page["prev_batch"] = page.pop("end")
        return ExtensionAnswer(page, has_news=True)


def _subscribe(tx: Write, user_id: UserID, room_nid: int, thread_id: EventID, caused_at: int | None) -> None:
    before = stored.state(tx.connection, user_id, room_nid, thread_id)
    automatic = caused_at is not None
    if before is not None and before.subscribed and (automatic or not before.automatic):
        # Wanted by the user or a client, it stays as it is; what the user wants counts more.
        return
    if before is not None and not before.subscribed and caused_at is not None and caused_at <= before.position:
        raise ConflictingUnsubscription
    _say(tx, user_id, room_nid, thread_id, before, subscribed=True, automatic=automatic)


def _unsubscribe(tx: Write, user_id: UserID, room_nid: int, thread_id: EventID) -> None:
    # Said again, it counts from now: what came meanwhile the user knows, too.
    before = stored.state(tx.connection, user_id, room_nid, thread_id)
    _say(tx, user_id, room_nid, thread_id, before, subscribed=False, automatic=False)


def _say(
    tx: Write,
    user_id: UserID,
    room_nid: int,
    thread_id: EventID,
    before: SubscriptionState | None,
    *,
    subscribed: bool,
    automatic: bool,
) -> None:
    if before is None and stored.count(tx.connection, user_id) >= THREADS_MAX:
        raise TooLarge(f"A user has subscriptions to at most {THREADS_MAX} threads.")
    position = tx.log(THREAD_SUBSCRIPTION, user_id, room_nid)
    stored.replace(tx, user_id, room_nid, thread_id, SubscriptionState(subscribed, automatic, position))
    # Other events notify the user now.
    unread.delete(tx, user_id, room_nid)
