"""Made-up requests to everything that is served: the answers counted, and each kept that is the server's fault."""

import http.client
import json
import random
from collections import Counter
from urllib.parse import quote, urlencode

from attrs import Factory, define, field, frozen

from homeserver.http.rows import Authentication, Body
from scripts.endurance.inventions import ODD_VALUES, Inventor
from scripts.endurance.schemas import Operation
from scripts.laboratory.client import MatrixClient, MatrixError, log_in, register
from scripts.laboratory.federation_peer import FederationPeer
from scripts.laboratory.folkmoot import make_administrator
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import PATIENCE_SECONDS

SHOWN_BYTES = 600
BAD_TOKENS = ("nonsense", "", "a" * 5000, "\u00e9", "Bearer")
# These end the session or the user that the next requests need; a fresh user makes each of them.
_FATAL = {"logout", "logout_all", "deactivateAccount", "changePassword", "deleteDevice", "deleteDevices"}


@frozen
class Fault:
    """A request that the server could not answer properly."""

    operation: str
    request: str
    answer: str


@define
class Findings:
    """What a run of requests came to."""

    requests: int = 0
    statuses: Counter[int] = field(factory=Counter)
    operations: Counter[str] = field(factory=Counter)
    faults: list[Fault] = Factory(list)

    @property
    def served(self) -> int:
        """Operations that answered something else than that they do not exist."""
        return len(self.operations)


@define
class Fuzzer:
    """Sends made-up requests to one server, as one of its users or as a peer."""

    server: Homeserver
    choice: random.Random
    peer: FederationPeer
    findings: Findings = Factory(Findings)
    _user: MatrixClient | None = None
    _administrator: MatrixClient | None = None
    _inventor: Inventor | None = None
    _users: int = 0
    _administrators: int = 0

    def try_operation(self, operation: Operation) -> None:
        """One request to *operation*, noted in the findings."""
        inventor = self._prepare(fresh=operation.row.id in _FATAL)
        row = operation.row
        target = _target(operation, inventor)
        content = self._content(operation, inventor)
        if row.authentication is Authentication.SERVER_SIGNATURE:
            authorization = self._signature(row.method, target, content)
        elif row.authentication is Authentication.SERVER_ADMIN:
            authorization = self._administrators_token()
        else:
            authorization = self._token()
        self._send(operation, target, content, authorization)
        if row.authentication is Authentication.SERVER_ADMIN and row.method != "GET":
            # It may have cost the user their account, or a room of theirs.
            self._user = None

    def _content(self, operation: Operation, inventor: Inventor) -> bytes | None:
        if operation.row.body is Body.NONE:
            # Some clients send a body where none belongs.
            return b"{}" if self.choice.random() < 0.1 else None
        if operation.row.body is Body.BYTES:
            return self.choice.randbytes(self.choice.choice([0, 1, 1000]))
        return inventor.body(operation.schema)

    def _token(self) -> str:
        assert self._user is not None, "prepared"
        if self.choice.random() < 0.05:
            return f"Bearer {self.choice.choice(BAD_TOKENS)}"
        return "" if self.choice.random() < 0.03 else f"Bearer {self._user.access_token}"

    def _administrators_token(self) -> str:
        if self.choice.random() < 0.1:
            return self._token()
        if self._administrator is None:
            self._administrators += 1
            self._administrator = log_in(self.server, make_administrator(self.server, f"root{self._administrators}"))
        return f"Bearer {self._administrator.access_token}"

    def _signature(self, method: str, target: str, content: bytes | None) -> str:
        if self.choice.random() < 0.05:
            return self.choice.choice(['X-Matrix origin="a"', "X-Matrix", 'X-Matrix origin=,key=,sig="', "Bearer x"])
        try:
            signed = None if content is None else json.dumps(json.loads(content), separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            signed = b"{}"
        return self.peer.authorize(method, target, signed)

    def _send(self, operation: Operation, target: str, content: bytes | None, authorization: str) -> None:
        row = operation.row
        shown = f"{row.method} {target} {(content or b'')[:SHOWN_BYTES]!r} ({len(content or b'')} bytes)"
        place = self.server.place
        connection = http.client.HTTPConnection(place.host, place.client_port, timeout=PATIENCE_SECONDS)
        self.findings.requests += 1
        try:
            headers = {"Content-Type": "application/json"}
            if authorization:
                headers["Authorization"] = authorization.encode("latin-1", "replace").decode("latin-1")
            connection.request(row.method, target, content, headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.findings.faults.append(Fault(row.name, shown, f"no answer: {error!r}"))
            return
        finally:
            connection.close()
        self.findings.statuses[response.status] += 1
        if not _is_unserved(response.status, body):
            self.findings.operations[row.name] += 1
        fault = _fault_of(response.status, response.getheader("Content-Type", "") or "", body)
        if fault:
            self.findings.faults.append(Fault(row.name, shown, fault))
        if response.status == 401 and (b"M_UNKNOWN_TOKEN" in body or b"M_USER_LOCKED" in body):
            self._check_sessions()

    def _check_sessions(self) -> None:
        """New users take over where a request has ended a session."""
        if not _is_there(self._user):
            self._user = None
        if not _is_there(self._administrator):
            self._administrator = None

    def _prepare(self, *, fresh: bool) -> Inventor:
        if self._user is not None and self._inventor is not None and not fresh:
            return self._inventor
        self._users += 1
        user = register(self.server, f"fuzz{self._users}")
        friend = register(self.server, f"friend{self._users}")
        # The spec's versions side by side, one of them with an alias and a friend.
        rooms = [user.create_room(preset="public_chat", room_version=version) for version in ("1", "10", "12")]
        friend.join(rooms[1])
        events = [user.send(room_id, "a message") for room_id in rooms]
        self._user, self._inventor = user, Inventor(self.choice, self._known(user, friend, rooms, events))
        return self._inventor

    def _known(
        self, user: MatrixClient, friend: MatrixClient, rooms: list[str], events: list[str]
    ) -> dict[str, list[str]]:
        """Real names; a parameter takes the first kind that its own name contains, so the special come first."""
        users = [user.user_id, friend.user_id]
        servers = [self.server.server_name, self.peer.name]
        return {
            "eventType": ["m.room.message", "m.room.name", "m.room.member", "m.room.power_levels"],
            "eventId": events,
            "roomId": rooms,
            "userId": users,
            "deviceId": [user.device_id, "NEW"],
            "stateKey": ["", user.user_id],
            "receiptType": ["m.read", "m.read.private", "m.fully_read"],
            "ruleId": [".m.rule.master", "mine"],
            "number": ["1", "2", "0", "-1", "x"],
            "action": ["send", "cancel", "restart"],
            "medium": ["email", "msisdn"],
            "filterId": ["0", "1"],
            "since": [user.sync()["next_batch"]],
            "scope": ["global"],
            "kind": ["override", "content", "sender", "room", "underride"],
            "version": ["1", "10", "12"],
            "server": servers,
            "event": events,
            "room": rooms,
            "user": users,
            "type": ["m.room.name", "m.login.dummy", "m.tag"],
            "tag": ["m.favourite", "u.mine"],
            "dir": ["b", "f"],
        }


def _is_there(user: MatrixClient | None) -> bool:
    if user is None:
        return False
    try:
        user.request("GET", "/v3/account/whoami")
    except MatrixError:
        return False
    return True


def _target(operation: Operation, inventor: Inventor) -> str:
    path = operation.row.path
    for name in operation.row.path_parameters:
        path = path.replace("{" + name + "}", quote(inventor.text_for(name)[:2000], safe="", errors="surrogatepass"))
    query: list[tuple[str, str]] = []
    for parameter in operation.row.query:
        if not parameter.required and inventor.choice.random() < 0.5:
            continue
        query.append((parameter.name, _query_value(parameter.name, parameter.type, inventor)))
    return path + (f"?{urlencode(query, errors='replace')}" if query else "")


def _query_value(name: str, kind: str, inventor: Inventor) -> str:
    if name == "timeout":
        # A long poll that is answered late is no fault, but a run has no time for it.
        return inventor.choice.choice(["0", "1", "-1", "x", "0.5", ""])
    if inventor.choice.random() < 0.2:
        return str(inventor.choice.choice(ODD_VALUES))[:2000]
    if name == "filter":
        return inventor.body({"type": "object", "properties": {"room": {"type": "object"}}})[:2000].decode("latin-1")
    if kind == "integer":
        return str(inventor.choice.choice([0, 1, 10, 1000, -1, 2**63]))
    if kind == "boolean":
        return inventor.choice.choice(["true", "false", "maybe"])
    return inventor.text_for(name)[:2000]


def _is_unserved(status: int, body: bytes) -> bool:
    return status in {404, 405} and b"M_UNRECOGNIZED" in body


def _fault_of(status: int, content_type: str, body: bytes) -> str | None:
    """What is wrong with an answer; None when nothing is."""
    if status >= 500:
        return f"{status} {body[:SHOWN_BYTES]!r}"
    if 400 <= status < 500 and content_type.startswith("application/json"):
        try:
            answer = json.loads(body)
        except ValueError:
            return f"{status} with a body that is not JSON: {body[:SHOWN_BYTES]!r}"
        # Interactive authentication answers 401 with what is still to be done, and no error before the first try.
        if not isinstance(answer, dict) or not ("errcode" in answer or "flows" in answer):
            return f"{status} without an errcode: {body[:SHOWN_BYTES]!r}"
    return None
