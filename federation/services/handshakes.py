"""
Coming into rooms of other servers, and going: one of them makes a form, we complete and sign it, and send it back.

Spec: server-server-api#joining-rooms
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import structlog
from attrs import frozen
from twisted.internet.threads import deferToThread

from federation.core.auth_chain import create_event_id, judge
from federation.core.paths import FEDERATION_V1, FEDERATION_V2, path_of
from federation.services.pdu_checks import IN_THREAD_FROM, PduChecks
from federation.services.ports import Peers
from homeserver.core.auth_events import CREATE
from homeserver.core.authorization.rules import check_event
from homeserver.core.building import sign_template
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.event_signatures import required_signatures
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import RoomID, ServerName, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import check_signature_map, parse_pdu
from homeserver.core.policy_servers import POLICY, policy_server_of, with_recommendation
from homeserver.core.signatures import SigningKey
from homeserver.core.verdicts import Denied
from homeserver.core.versions import ROOM_VERSIONS, RoomVersion
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import (
    Forbidden,
    IncompatibleVersion,
    InviteBlocked,
    Misunderstood,
    NotFound,
    Refusal,
    Unreachable,
    UnsupportedVersion,
)

log = structlog.get_logger(__name__)

JOIN_TIMEOUT_SECONDS: Final = 120.0
"""A large room's state takes its time."""


@frozen
class Template:
    """The form that *server* made."""

    server: ServerName
    version: RoomVersion
    event: JSONObject


@frozen
class Joined:
    """What a server answers to a join: the signed join, the state before it, and what that state stands on."""

    join: Event
    state: Sequence[Event]
    auth_chain: Sequence[Event]


@frozen(eq=False)
class Handshakes:
    """Performed with one of several servers, the first that agrees."""

    server: ServerName
    key: SigningKey
    peers: Peers
    checks: PduChecks
    opaque_id: Callable[[], str]

    async def make(self, membership: str, room_id: RoomID, user_id: UserID, via: Iterable[ServerName]) -> Template:
        """
        A form for the membership (``join``, ``knock`` or ``leave``).

        Raises Forbidden, NotFound or IncompatibleVersion as the last server that answers; Unreachable when none does.
        """
        path = path_of(f"{FEDERATION_V1}/make_{membership}", room_id, user_id)
        query = {} if membership == "leave" else {"ver": list(ROOM_VERSIONS)}
        refusal: Refusal = Unreachable()
        for server in dict.fromkeys(via):
            if server == self.server:
                continue
            try:
                template = _template(server, await self.peers.fetch(server, path, query))
                _require_asked_for(template.event, membership, room_id, user_id)
                return template
            except PeerUnreachable as unreachable:
                log.info("a server cannot be reached", server=server, reason=str(unreachable))
            except PeerFault as fault:
                refusal = _form_refusal(fault)
            except Malformed as malformed:
                log.info("a server made a form that cannot be used", server=server, reason=str(malformed))
                refusal = Unreachable(f"{server} made a form that cannot be used.")
            except IncompatibleVersion as incompatible:
                refusal = incompatible
        raise refusal

    def sign(self, template: Template, room_id: RoomID, user_id: UserID, content: JSONObject, now_ms: int) -> Event:
        """
        The completed form.  Raises Malformed when it is not what was asked for.

        What the server says of who lets the user in is kept; all else in the content is ours.
        """
        offered = template.event.get("content")
        authorizer = offered.get("join_authorised_via_users_server") if isinstance(offered, dict) else None
        whole: JSONObject = {**content}
        if isinstance(authorizer, str):
            whole["join_authorised_via_users_server"] = authorizer
        pdu: JSONObject = {
            **template.event,
            "content": whole,
            "origin_server_ts": now_ms,
            "room_id": room_id,
            "sender": user_id,
            "state_key": user_id,
            "type": "m.room.member",
        }
        pdu.pop("origin", None)
        return sign_template(pdu, template.version, self.server, self.key, self.opaque_id())

    async def send_join(self, template: Template, join: Event) -> Joined:
        """
        The room has the join.

        Raises Forbidden and its like as the server answers, Unreachable when what it answers does not hold.
        """
        path = path_of(f"{FEDERATION_V2}/send_join", join.room_id, join.event_id)
        answer = await self._send(template.server, path, join, {"omit_members": "false"})
        signed = await self._signed(answer.get("event"), join)
        auth_chain = await self.checks.sound(_list(answer, "auth_chain"), join.version, join.room_id)
        state = await self.checks.sound(_list(answer, "state"), join.version, join.room_id)
        if len(state) + len(auth_chain) > IN_THREAD_FROM:
            return await deferToThread(_judged, signed, answer.get("event"), state, auth_chain)
        return _judged(signed, answer.get("event"), state, auth_chain)

    async def send_leave(self, template: Template, leave: Event) -> None:
        """The room knows of the leave."""
        path = path_of(f"{FEDERATION_V2}/send_leave", leave.room_id, leave.event_id)
        await self._send(template.server, path, leave, {})

    async def send_knock(self, template: Template, knock: Event) -> list[JSONObject]:
        """The room knows of the knock; answers what it shows of itself, of which nothing need be true."""
        path = path_of(f"{FEDERATION_V1}/send_knock", knock.room_id, knock.event_id)
        answer = await self._send(template.server, path, knock, {})
        shown = _list(answer, "knock_room_state")
        if knock.version.auth.room_id_is_create_hash:
            return [event.pdu for event in await self.checks.sound(shown, knock.version, knock.room_id)]
        # NOTSPEC: until v11 servers in the field show stripped events, which nobody could check.
        return [item for item in shown if isinstance(item, dict)]

    async def _signed(self, answered: JSON, join: Event) -> Event:
        """The join with the signature of the server that let the user in, where the room asks for one."""
        others = required_signatures(join) - {self.server}
        if not others:
            return join
        signed = with_signatures_of(join, answered, others)
        verdict = await self.checks.ring.verify_event(signed)
        if isinstance(verdict, Denied):
            raise Unreachable(f"The server that let you in did not sign that it does ({verdict.rule}).")
        return signed

    async def _send(self, server: ServerName, path: str, event: Event, query: dict[str, str]) -> JSONObject:
        try:
            return await self.peers.send(
                server, "PUT", path, event.pdu, query=query, timeout_seconds=JOIN_TIMEOUT_SECONDS
            )
        except PeerFault as fault:
            raise refusal_of(fault) from fault
        except PeerUnreachable as unreachable:
            raise Unreachable(str(unreachable)) from unreachable


def refusal_of(fault: PeerFault) -> Refusal:
    """What a user is told when a peer refuses so."""
    reason = fault.body.get("error") if isinstance(fault.body, dict) else None
    text = reason if isinstance(reason, str) else None
    if fault.errcode == "M_INCOMPATIBLE_ROOM_VERSION":
        return UnsupportedVersion("This room has a version that this server does not know.")
    if fault.errcode in {"M_MISSING_PARAM", "M_INVALID_PARAM"}:
        # Spec: server-server-api#put_matrixfederationv2inviteroomideventid
        return Misunderstood(text)
    if fault.errcode == "M_INVITE_BLOCKED":
        return InviteBlocked(text)
    if fault.status == 403:
        return Forbidden(text)
    if fault.status == 404:
        return NotFound(text)
    if fault.errcode in {"M_UNABLE_TO_AUTHORISE_JOIN", "M_UNABLE_TO_GRANT_JOIN"}:
        return Forbidden(text)
    return Unreachable(text)


def _template(server: ServerName, answer: JSONObject) -> Template:
    event = answer.get("event")
    if not isinstance(event, dict):
        raise Malformed("The form has no event.", "event")
    # A server that names no version means the first.
    named = answer.get("room_version", "1")
    version = ROOM_VERSIONS.get(named) if isinstance(named, str) else None
    if version is None:
        raise IncompatibleVersion(str(named))
    return Template(server, version, event)


def _form_refusal(fault: PeerFault) -> Refusal:
    """
    What a user is told who gets no form: of a version of rooms that is not known here, which it is.

    Spec: server-server-api#get_matrixfederationv1make_joinroomiduserid, client-server-api#other-error-codes
    """
    named = fault.body.get("room_version") if isinstance(fault.body, dict) else None
    if fault.errcode == "M_INCOMPATIBLE_ROOM_VERSION" and isinstance(named, str):
        return IncompatibleVersion(named)
    return refusal_of(fault)


def with_signatures_of(event: Event, answered: JSON, servers: Iterable[ServerName]) -> Event:
    """*event* as we have it, with the signatures of *servers* under the copy of it that was *answered*."""
    theirs = answered.get("signatures") if isinstance(answered, dict) else None
    ours = event.pdu["signatures"]
    assert isinstance(ours, dict), "an event that was parsed or built has signatures"
    if not isinstance(theirs, dict):
        return event
    added: JSONObject = {server: theirs[server] for server in servers if server in theirs}
    try:
        check_signature_map(added)
        return parse_pdu({**event.pdu, "signatures": {**ours, **added}}, event.version)
    except Malformed:
        return event


def _require_asked_for(form: JSONObject, membership: str, room_id: RoomID, user_id: UserID) -> None:
    """Raises Malformed when the form is for anything else.  Spec: server-server-api#joining-rooms"""
    content = form.get("content")
    expected = {"type": "m.room.member", "room_id": room_id, "sender": user_id, "state_key": user_id}
    for name, value in expected.items():
        if form.get(name) != value:
            raise Malformed("The form is not for what was asked for.", name)
    if not isinstance(content, dict) or content.get("membership") != membership:
        raise Malformed("The form is for another membership.", "content.membership")


def _judged(join: Event, answered: JSON, state: Sequence[Event], auth_chain: Sequence[Event]) -> Joined:
    judged = judge([*auth_chain, *state], {}, ())
    accepted = {event.event_id: event for event in judged.accepted}
    current = {event.key: event for event in state if event.is_state and event.event_id in accepted}
    create = current.get(CREATE)
    if create is None or not _is_of_room(create, join.room_id):
        raise Unreachable("The server that let you in did not tell how the room began.")
    verdict = check_event(join, current)
    if isinstance(verdict, Denied):
        raise Unreachable(f"The server that let you in told a state in which you may not join ({verdict.rule}).")
    # What was rejected is kept out of the state, and known as such.
    return Joined(_recommended(join, answered, current), list(current.values()), list(judged.accepted))


def _recommended(join: Event, answered: JSON, state: Mapping[StateKey, Event]) -> Event:
    """The join with the signature of the room's policy server, whom the server that let us in has asked."""
    policy = policy_server_of(state[POLICY].content) if POLICY in state else None
    if policy is None or not isinstance(answered, dict):
        return join
    signed = with_recommendation(join, policy.name, answered.get("signatures"))
    return signed if policy.recommends(signed) else join


def _is_of_room(create: Event, room_id: RoomID) -> bool:
    if create.version.auth.room_id_is_create_hash:
        return create.event_id == create_event_id(room_id)
    return create.room_id == room_id


def _list(answer: JSONObject, key: str) -> list[JSON]:
    value = answer.get(key)
    return value if isinstance(value, list) else []
