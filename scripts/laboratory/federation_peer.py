"""
A federation peer made of Folkmoot's own core and nothing else: a key server, and one that joins rooms and sends.

It keeps no state of its rooms beyond what it was told at the join, and says nothing about their past: a receiver that
asks it for missing events is told there are none.
"""

import http.client
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import quote, urlencode

from attrs import define, field, frozen

from federation.core.request_signing import Request, sign_request
from homeserver.core.auth_events import auth_keys, select_auth_events
from homeserver.core.building import UnplacedEvent, build_event, sign_template
from homeserver.core.canonical import JSONObject, encode_canonical
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.pdu import parse_pdu
from homeserver.core.signatures import SEED_BYTES, SigningKey, sign_json
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.core.versions import ROOM_VERSIONS, RoomVersion
from scripts.certificates import Authority
from scripts.laboratory.client import send_request
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import PATIENCE_SECONDS

KEY_VALID_MS = 24 * 3600 * 1000
TRANSACTION_PDUS_MAX = 50


class PeerRefused(Exception):
    """The server under test refused a request of the peer."""


@define
class PeerRoom:
    """A room that the peer has joined: enough of its state to authorize messages, and the end of its graph."""

    room_id: RoomID
    version: RoomVersion
    user_id: UserID
    state: dict[StateKey, EventID]
    head: EventID
    depth: int


@frozen
class FederationPeer:
    """A server called *name*, listening; it speaks to *target* alone."""

    name: ServerName
    key: SigningKey
    target: Homeserver
    _listener: ThreadingHTTPServer = field(repr=False)
    _connection: http.client.HTTPSConnection = field(repr=False)

    def join(self, room_id: str, localpart: str, version: str) -> PeerRoom:
        """*localpart* of this server is in the room.  Raises PeerRefused."""
        user_id = UserID(f"@{localpart}:{self.name}")
        place = f"{quote(room_id, safe='')}/{quote(user_id, safe='')}"
        template = self._ask("GET", f"/_matrix/federation/v1/make_join/{place}?{urlencode({'ver': version})}")
        assert template["room_version"] == version, "the room has the version it was made with"
        rules = ROOM_VERSIONS[version]
        form = {**template["event"], "origin_server_ts": now_ms()}
        join = sign_template(form, rules, self.name, self.key, opaque_id=secrets.token_hex(8))
        path = f"/_matrix/federation/v2/send_join/{quote(room_id, safe='')}/{quote(join.event_id, safe='')}"
        answer = self._ask("PUT", path, join.pdu)
        events = [parse_pdu(pdu, rules) for pdu in answer["state"]]
        state = {event.key: event.event_id for event in [*events, join]}
        return PeerRoom(RoomID(room_id), rules, user_id, state, join.event_id, join.depth)

    def say(self, room: PeerRoom, text: str) -> Event:
        """The next message of the peer's user, signed, at the end of the graph as this peer knows it; not sent."""
        event = self.build(room, "m.room.message", {"msgtype": "m.text", "body": text})
        room.head, room.depth = event.event_id, event.depth
        return event

    def build(self, room: PeerRoom, event_type: str, content: JSONObject, state_key: str | None = None) -> Event:
        """An event after the end of the graph, signed; the end stays where it is."""
        unplaced = UnplacedEvent(room.version, room.room_id, event_type, room.user_id, content, state_key)
        keys = auth_keys(room.version, event_type, room.user_id, state_key, content)
        return build_event(
            unplaced,
            prev_events=[room.head],
            auth_events=select_auth_events(keys, room.state),
            depth=room.depth + 1,
            now_ms=now_ms(),
            server=self.name,
            key=self.key,
        )

    def transaction(self, pdus: Sequence[JSONObject]) -> tuple[str, bytes, str]:
        """The path, body and Authorization of a transaction of *pdus*."""
        path = f"/_matrix/federation/v1/send/{secrets.token_hex(8)}"
        body = encode_canonical({"origin": self.name, "origin_server_ts": now_ms(), "pdus": list(pdus)})
        return path, body, self.authorize("PUT", path, body)

    def send(self, pdus: Iterable[JSONObject]) -> dict[str, Any]:
        """What the server says of each event, by event ID.  Raises PeerRefused when it refused them all."""
        return self.deliver(*self.transaction(list(pdus)))

    def deliver(self, path: str, body: bytes, authorization: str) -> dict[str, Any]:
        """The same for a transaction made before."""
        return cast("dict[str, Any]", self._exchange("PUT", path, body, authorization)["pdus"])

    def authorize(self, method: str, path: str, content: bytes | None) -> str:
        request = Request(self.name, ServerName(self.target.server_name), method, path, content)
        return sign_request(request, self.key)

    def close(self) -> None:
        self._connection.close()
        self._listener.shutdown()
        self._listener.server_close()

    def _ask(self, method: str, path: str, body: JSONObject | None = None) -> dict[str, Any]:
        content = None if body is None else encode_canonical(body)
        return self._exchange(method, path, content, self.authorize(method, path, content))

    def _exchange(self, method: str, path: str, content: bytes | None, authorization: str) -> dict[str, Any]:
        status, answer = send_request(self._connection, method, path, content, authorization)
        if status != 200:
            raise PeerRefused(f"{method} {path}: {status} {answer}")
        return answer


def start_peer(target: Homeserver, authority: Authority, host: str = "127.0.0.9") -> FederationPeer:
    """A peer of *target* that answers on a free port of *host*; end it with its `close`."""
    tls = authority.issue(host)
    listener = ThreadingHTTPServer((host, 0), _Answers)
    listener.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.private_key)
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    name = ServerName(f"{host}:{listener.server_port}")
    key = SigningKey.from_seed("ed25519:lab", secrets.token_bytes(SEED_BYTES))
    listener.key_document = encode_canonical(_key_document(name, key))  # type: ignore[attr-defined]
    threading.Thread(target=listener.serve_forever, name=f"peer {name}", daemon=True).start()
    place = target.place
    connection = http.client.HTTPSConnection(
        place.host, place.tls_port, context=target.tls_context(), timeout=PATIENCE_SECONDS
    )
    return FederationPeer(name, key, target, listener, connection)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _key_document(name: ServerName, key: SigningKey) -> JSONObject:
    document: JSONObject = {
        "server_name": name,
        "verify_keys": {key.key_id: {"key": encode_base64(key.verify_key)}},
        "old_verify_keys": {},
        "valid_until_ts": now_ms() + KEY_VALID_MS,
    }
    return sign_json(document, name, key)


class _Answers(BaseHTTPRequestHandler):
    """What others may ask the peer: its keys, and to take their transactions."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/_matrix/key/v2/server"):
            document: bytes = self.server.key_document  # type: ignore[attr-defined]
            self._answer(200, document)
        elif "/publicRooms" in self.path:
            self._answer(200, b'{"chunk": []}')
        else:
            self._answer(404, b'{"errcode": "M_NOT_FOUND", "error": "Nothing here."}')

    def do_PUT(self) -> None:
        self._read()
        self._answer(200, b'{"pdus": {}}')

    def do_POST(self) -> None:
        self._read()
        if "/get_missing_events/" in self.path:
            self._answer(200, b'{"events": []}')
        elif "/publicRooms" in self.path:
            self._answer(200, b'{"chunk": []}')
        else:
            self._answer(404, b'{"errcode": "M_NOT_FOUND", "error": "Nothing here."}')

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: thousands of requests come."""

    def _read(self) -> object:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
