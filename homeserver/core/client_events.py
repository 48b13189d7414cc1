"""
Events as clients see them, serialized once and completed for each reader.

Spec: client-server-api#room-event-format
"""

from collections.abc import Mapping
from typing import Final

import orjson
from attrs import evolve, frozen

from homeserver.core.canonical import JSON, JSONObject, encode_json
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID

_JOINED: Final = b'"membership":"join",'
PROPOSED_FIELDS: Final = ("sticky", "msc4354_sticky")
"""What proposals put at the top of an event and clients look for; all else there is between servers."""


def client_form(event: Event, unsigned: Mapping[str, JSON] | None = None) -> JSONObject:
    """The event as an object for clients, with the given ``unsigned``."""
    form: JSONObject = {
        "content": dict(event.content),
        "event_id": event.event_id,
        "origin_server_ts": event.origin_server_ts,
        "room_id": event.room_id,
        "sender": event.sender,
        "type": event.type,
    }
    if event.state_key is not None:
        form["state_key"] = event.state_key
    if event.redacts is not None:
        # Since v11 it is in the content; clients that do not know find it here too.
        # Spec: client-server-api#mroomredaction
        form["redacts"] = event.redacts
    for name in PROPOSED_FIELDS:
        if name in event.pdu:
            form[name] = event.pdu[name]
    if unsigned:
        form["unsigned"] = dict(unsigned)
    return form


def stripped_form(event: Event) -> JSONObject:
    """The four fields of stripped state.  Spec: client-server-api#stripped-state"""
    return {
        "content": dict(event.content),
        "sender": event.sender,
        "state_key": event.state_key,
        "type": event.type,
    }


@frozen
class ClientEvent:
    """
    An event for clients, all but what differs from reader to reader already in bytes.

    *unsigned*: the members of ``unsigned`` that are the same for everyone, as ``"name":value,`` pairs.
    """

    event_id: EventID
    origin_server_ts: int
    head: bytes
    """The object without its closing brace and without ``unsigned``."""
    unsigned: bytes

    def with_relations(self, relations: JSON) -> "ClientEvent":
        """The same with its bundled aggregations, which differ from reader to reader."""
        return evolve(self, unsigned=b'%s"m.relations":%s,' % (self.unsigned, orjson.dumps(relations)))

    def render(
        self,
        now_ms: int,
        membership: str | None = None,
        transaction_id: str | None = None,
        more: Mapping[str, JSON] | None = None,
    ) -> orjson.Fragment:
        """
        The whole event, for splicing.

        *membership*: the reader's at the event.  *transaction_id*: for the device that sent it.  *more*: what else of
        ``unsigned`` is for this reader.
        """
        own = b""
        if membership is not None:
            own += _JOINED if membership == "join" else b'"membership":%s,' % orjson.dumps(membership)
        if transaction_id is not None:
            own += b'"transaction_id":' + orjson.dumps(transaction_id) + b","
        if more:
            own += orjson.dumps(more)[1:-1] + b","
        age = max(0, now_ms - self.origin_server_ts)
        return orjson.Fragment(b'%s,"unsigned":{%s%s"age":%d}}' % (self.head, self.unsigned, own, age))


def serialize(
    event: Event,
    *,
    previous: Event | None = None,
    redacted_because: Event | None = None,
    relations: JSON = None,
) -> ClientEvent:
    """
    The event ready to be spliced into any response.

    *previous*: the state event it replaced.  *redacted_because*: the redaction carried out on it.
    *relations*: its bundled aggregations.
    """
    unsigned: JSONObject = {}
    if previous is not None:
        unsigned["prev_content"] = dict(previous.content)
        unsigned["replaces_state"] = previous.event_id
        unsigned["prev_sender"] = previous.sender
    if redacted_because is not None:
        unsigned["redacted_because"] = client_form(redacted_because)
    if relations:
        unsigned["m.relations"] = relations
    return ClientEvent(
        event.event_id,
        event.origin_server_ts,
        encode_json(client_form(event))[:-1],
        encode_json(unsigned)[1:-1] + b"," if unsigned else b"",
    )
