"""What one server sends another, for tests."""

import json
from typing import Any

from twisted.trial.unittest import TestCase

from federation.core.transactions import parse_transaction
from homeserver.core.canonical import JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.hashes import content_hash
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.pdu import parse_pdu
from homeserver.core.unpadded_base64 import encode_base64
from tests.federation.servers import ALICE, BOB, ONE, FederatedServer, Federation

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


class TwoServers(Federation, TestCase):
    """alice's server and bob's, in one room unless a test makes another."""

    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        self.room_id = await self.shared_room()

    async def shared_room(self, version: str = "12", **request: Any) -> RoomID:
        room_id = await self.one.create(ALICE, version, preset="public_chat", **request)
        await self.two.join(BOB, room_id, ONE)
        await self.settle(room_id)
        return room_id

    async def compose(self, server: FederatedServer, draft: Draft, room_id: RoomID | None = None) -> Event:
        """An event at the end of the room as *server* has it, which it does not take itself."""
        return await server.composer.compose(await server.room(room_id or self.room_id), draft)

    async def chain(self, server: FederatedServer, sender: UserID, count: int) -> list[Event]:
        """Messages one after the other."""
        ids = [await server.send(sender, self.room_id, f"{number}") for number in range(count)]
        entries = await server.known.by_ids(ids)
        return [entries[event_id].event for event_id in ids]
