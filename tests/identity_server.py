"""
An identity server for tests, over HTTP on a socket of this machine: hashed look-ups, kept invites, bindings.

It checks what a real one checks, the signature under an unbinding among it.  Spec: identity-service-api
"""

import json
from typing import Any, Final

from attrs import define, field
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

from federation.core.request_signing import parse_authorization
from homeserver.core.addresses import SrvRecord
from homeserver.core.identifiers import UserID, server_of
from homeserver.core.signatures import SigningKey, is_signed_by, sign_json
from homeserver.core.third_party_invites import lookup_hash
from homeserver.core.unpadded_base64 import encode_base64, parse_base64
from homeserver.http.connections import Connections
from homeserver.http.outbound import OutboundClient, OutboundSettings, agent_on
from homeserver.http.outbound_tls import OutboundTls
from tests.builders import signing_key

TOKEN: Final = "a user's token"
V2: Final = "/_matrix/identity/v2"
_reactor: Any = reactor


@define(eq=False)
class LocalNames:
    """All names lead to this machine."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    async def services(self, name: str) -> tuple[SrvRecord, ...]:
        return ()


def local_client() -> OutboundClient:
    """A client that reaches this machine."""
    settings = OutboundSettings(allow_private_addresses=True, timeout_seconds=5)
    connections = Connections(_reactor, LocalNames(), OutboundTls(), True)
    return OutboundClient(_reactor, agent_on(_reactor, connections, frozenset({b"http", b"https"})), settings)


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, errcode: str) -> None:
        super().__init__(errcode)
        self.status, self.errcode = status, errcode


@define(eq=False, slots=False)
class IdentityServerOfTests(Resource):
    """*sessions*: by ID, the address that each has proved."""

    isLeaf = True
    bound: dict[tuple[str, str], str] = field(factory=dict)
    keys: dict[str, str] = field(factory=dict)
    """Of homeservers, in base64; of all others it knows those of the builders."""
    sessions: dict[str, tuple[str, str]] = field(factory=dict)
    invites: list[dict[str, Any]] = field(factory=list)
    requests: list[tuple[str, str]] = field(factory=list)
    pepper: str = "pepper"
    peppers_to_come: list[str] = field(factory=list)
    revoked: bool = False
    is_down: bool = False
    tls: Any = None
    """The context of TLS; None: it speaks without."""
    key: SigningKey = field(factory=lambda: SigningKey.from_seed("ed25519:0", b"i" * 32))

    def __attrs_post_init__(self) -> None:
        super().__init__()
        if self.tls is None:
            self.port = _reactor.listenTCP(0, Site(self), interface="127.0.0.1")
        else:
            self.port = _reactor.listenSSL(0, Site(self), self.tls, interface="127.0.0.1")
        self.name = f"127.0.0.1:{self.port.getHost().port}"

    def render(self, request: Any) -> bytes:
        path, method = request.path.decode(), request.method.decode()
        self.requests.append((method, path))
        body = json.loads(request.content.read() or b"{}")
        request.setHeader(b"content-type", b"application/json")
        try:
            return json.dumps(self.answer(request, method, path.removeprefix(V2), body)).encode()
        except Refused as refused:
            request.setResponseCode(refused.status)
            return json.dumps({"errcode": refused.errcode, "error": "No."}).encode()

    def answer(self, request: Any, method: str, path: str, body: Any) -> Any:
        header = (request.getHeader(b"authorization") or b"").decode()
        if self.is_down:
            raise Refused(503, "M_UNKNOWN")
        if path == "/pubkey/isvalid":
            return {"valid": not self.revoked and request.args[b"public_key"][0].decode() == self.public_key}
        if path == "/3pid/unbind":
            return self.unbind(header, body)
        if header != f"Bearer {TOKEN}":
            raise Refused(401, "M_UNAUTHORIZED")
        match method, path:
            case "GET", "/hash_details":
                return {"lookup_pepper": self.pepper, "algorithms": ["none", "sha256"]}
            case "POST", "/lookup":
                return self.lookup(body)
            case "POST", "/store-invite":
                return self.store_invite(body)
            case "POST", "/3pid/bind":
                return self.bind(body)
        raise Refused(404, "M_UNRECOGNIZED")

    @property
    def public_key(self) -> str:
        return encode_base64(self.key.verify_key)

    def lookup(self, body: Any) -> Any:
        if self.peppers_to_come:
            self.pepper = self.peppers_to_come.pop(0)
        if body["pepper"] != self.pepper:
            raise Refused(400, "M_INVALID_PEPPER")
        hashes = {lookup_hash(medium, address, self.pepper): user for (medium, address), user in self.bound.items()}
        return {"mappings": {each: hashes[each] for each in body["addresses"] if each in hashes}}

    def store_invite(self, body: Any) -> Any:
        if (body["medium"], body["address"]) in self.bound:
            raise Refused(400, "M_THREEPID_IN_USE")
        token = f"token{len(self.invites)}"
        self.invites.append({**body, "token": token})
        url = f"{'http' if self.tls is None else 'https'}://{self.name}{V2}/pubkey/isvalid"
        keys = [{"public_key": self.public_key, "key_validity_url": url}]
        return {"token": token, "public_keys": keys, "display_name": "c...@e..."}

    def bind(self, body: Any) -> Any:
        if body["sid"] not in self.sessions:
            raise Refused(404, "M_NO_VALID_SESSION")
        medium, address = self.sessions[body["sid"]]
        self.bound[medium, address] = body["mxid"]
        return {"medium": medium, "address": address, "mxid": body["mxid"], "ts": 1, "not_before": 1, "not_after": 2}

    def unbind(self, header: str, body: Any) -> Any:
        signature = parse_authorization(header)
        signed: Any = {
            "method": "POST",
            "uri": f"{V2}/3pid/unbind",
            "origin": signature.origin,
            "destination": self.name,
            "content": body,
            "signatures": {signature.origin: {signature.key_id: signature.signature}},
        }
        server = server_of(UserID(body["mxid"]))
        known = self.keys.get(server)
        key = signing_key(server).verify_key if known is None else parse_base64(known)
        good = is_signed_by(signed, server, signature.key_id, key)
        if signature.origin != server or not good:
            raise Refused(403, "M_FORBIDDEN")
        place = body["threepid"]["medium"], body["threepid"]["address"]
        if self.bound.get(place) != body["mxid"]:
            raise Refused(404, "M_NOT_FOUND")
        del self.bound[place]
        return {}

    def notice(self, user_id: str, address: str) -> Any:
        """What the user's server is told when the address is bound."""
        waiting = [invite for invite in self.invites if invite["address"] == address]
        invites = [
            {
                "medium": "email",
                "address": address,
                "mxid": user_id,
                "room_id": invite["room_id"],
                "sender": invite["sender"],
                "signed": self.proof(user_id, invite["token"]),
            }
            for invite in waiting
        ]
        return {"medium": "email", "address": address, "mxid": user_id, "invites": invites}

    def proof(self, user_id: str, token: str) -> Any:
        return sign_json({"mxid": user_id, "token": token}, self.name, self.key)

    def proof_with_sender(self, user_id: str, token: str, sender: str) -> Any:
        """As ``/sign-ed25519`` gives it."""
        return sign_json({"mxid": user_id, "sender": sender, "token": token}, self.name, self.key)
