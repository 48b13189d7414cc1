"""Events as one reader of a sync gets them."""

from typing import Final

import orjson
from attrs import define, field

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import ClientEvent
from homeserver.core.timeline import TimelineEvent
from homeserver.services.sync.section import SyncSpan
from homeserver.services.unsigned import unsigned_of

_FRAME: Final = ("event_id", "type", "state_key", "sender", "origin_server_ts")
"""What an event is never without."""


@define(eq=False)
class Rendering:
    """Completes events for the reader of *span*, and leaves out what their filter does not want of an event."""

    span: SyncSpan
    _whole: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        wanted = self.span.filter
        self._whole = wanted.event_fields is None and wanted.event_format == "client"

    def render(self, event: TimelineEvent, copy: ClientEvent, membership: str | None = None) -> JSON:
        """The event, for splicing; *membership*: the reader's at the event, where it is known."""
        span, transaction = self.span, event.transaction
        own_id = None
        if transaction is not None and transaction.device_id == span.device_id and event.event.sender == span.user_id:
            own_id = transaction.transaction_id
        more = unsigned_of(span.unsigned, event, span.user_id, span.now_ms) if span.unsigned else None
        whole = copy.render(span.now_ms, membership, own_id, more)
        return whole if self._whole else self._part(event, whole)  # type: ignore[return-value]

    def _part(self, event: TimelineEvent, whole: orjson.Fragment) -> JSONObject:
        form: JSONObject = orjson.loads(orjson.dumps(whole))
        if self.span.filter.event_format == "federation":
            form = {**event.event.pdu, "event_id": event.event_id, "unsigned": form["unsigned"]}
        if self.span.filter.event_fields is None:
            return form
        # A client that asked for less could not tell what it got.
        frame: JSONObject = {name: form[name] for name in _FRAME if name in form}
        return {"content": {}, **frame, **self.span.filter.keep_fields(form)}
