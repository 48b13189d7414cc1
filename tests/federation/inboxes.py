"""What one server sends another, for tests."""

import json
from typing import Any

from federation.core.transactions import parse_transaction
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.hashes import content_hash
from homeserver.core.identifiers import UserID
from homeserver.core.pdu import parse_pdu
from homeserver.core.unpadded_base64 import encode_base64
from tests.federation.servers import FederatedServer

SEND = "/_matrix/federation/v1/send/"


def text(sender: UserID, body: str) -> Draft:
    return Draft("m.room.message", sender, {"msgtype": "m.text", "body": body})


def signed_again(event: Event, server: FederatedServer, **changes: Any) -> Event:
    """*event* with *changes*, hashed and signed as *server* would have done it."""
    pdu: JSONObject = {**event.pdu, **changes, "signatures": {}}
    pdu["hashes"] = {"sha256": encode_base64(content_hash(pdu, event.version))}
    return sign_event(parse_pdu(pdu, event.version), server.name, server.key)


def _transaction(content: bytes) -> Any:
    return parse_transaction(json.loads(content))
