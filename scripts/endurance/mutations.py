"""
Sound events made unsound in every way there is, each with the rule it breaks; a server takes none of them.

Two families: altered after signing, so that the signature or the hash no longer fits; and made unlawful, then signed.
"""

import base64
import copy
import random
from collections.abc import Callable
from typing import Any, Final, cast

from attrs import evolve, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.hashes import content_hash, signed_form
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.signatures import with_signature
from homeserver.core.unpadded_base64 import encode_base64
from scripts.laboratory.federation_peer import FederationPeer, PeerRoom

MARK: Final = "must never be seen"
STRANGE: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    2**63 - 1,
    "",
    "x",
    "x" * 300,
    [],
    {},
    [[]],
    ["x"],
    [None],
)
# Redaction keeps these at the top of an event, so the signature covers them as they are.
SIGNED_KEYS: Final = (
    "type", "room_id", "sender", "hashes", "depth", "prev_events", "auth_events", "origin_server_ts",
)  # fmt: skip


@frozen
class Mutant:
    """An event that must not be taken, and what is wrong with it."""

    pdu: JSONObject
    wrong: str


@frozen
class Mutator:
    """Makes mutants of the next message that *peer*'s user could send in *room*; all versions since 4."""

    peer: FederationPeer
    room: PeerRoom
    choice: random.Random

    def mutant(self) -> Mutant:
        """One more, at the current end of the room."""
        return self.choice.choice(_FAMILIES)(self)

    def altered_value(self) -> Mutant:
        """A signed key has another value than it was signed with."""
        pdu = self._message()
        key = self.choice.choice(SIGNED_KEYS)
        value = self.choice.choice([strange for strange in STRANGE if strange != pdu[key]])
        return Mutant({**pdu, key: value}, f"{key} altered after signing")

    def altered_subtly(self) -> Mutant:
        """A signed key has another lawful value than it was signed with."""
        pdu = self._message()
        alterations: list[tuple[str, Any]] = [
            ("sender", f"@other:{self.peer.name}"),
            ("type", "m.room.name"),
            ("depth", cast(int, pdu["depth"]) + 1),
            ("origin_server_ts", cast(int, pdu["origin_server_ts"]) - 1),
            ("prev_events", list(self.room.state.values())[:2]),
            ("auth_events", list(cast("list[str]", pdu["auth_events"]))[:-1]),
            ("hashes", {"sha256": base64.b64encode(self.choice.randbytes(32)).decode().rstrip("=")}),
            ("state_key", ""),
        ]
        key, value = self.choice.choice(alterations)
        return Mutant({**pdu, key: value}, f"{key} altered after signing")

    def missing_key(self) -> Mutant:
        pdu = self._message()
        key = self.choice.choice([*SIGNED_KEYS, "content", "signatures"])
        return Mutant({name: value for name, value in pdu.items() if name != key}, f"{key} missing")

    def added_key(self) -> Mutant:
        """A key that the signature would cover, had it been there."""
        pdu = self._message()
        key, value = self.choice.choice([("state_key", "x"), ("state_key", None), ("state_key", 1)])
        return Mutant({**pdu, key: value}, f"{key} added after signing")

    def broken_signature(self) -> Mutant:
        pdu = self._message()
        (signature,) = cast("dict[str, dict[str, str]]", pdu["signatures"])[self.peer.name].values()
        raw = bytearray(base64.b64decode(signature + "=="))
        raw[self.choice.randrange(len(raw))] ^= 1 << self.choice.randrange(8)
        flipped = base64.b64encode(raw).decode().rstrip("=")
        key_id = self.peer.key.key_id
        replacements: list[Any] = [
            {self.peer.name: {key_id: flipped}},
            {self.peer.name: {key_id: signature[:-4]}},
            {self.peer.name: {key_id: ""}},
            {self.peer.name: {key_id: "ä"}},
            {self.peer.name: {key_id: None}},
            {self.peer.name: {"ed25519:unknown": signature}},
            {self.peer.name: {"rsa:lab": signature}},
            {self.peer.name: {}},
            {self.peer.name: []},
            {"elsewhere.example": {key_id: signature}},
            {},
            [],
            None,
            "x",
        ]
        return Mutant({**pdu, "signatures": self.choice.choice(replacements)}, "signature broken")

    def forged_sender(self) -> Mutant:
        """Lawfully signed by this server, in the name of somebody of another."""
        resident = next(key[1] for key in self.room.state if key[0] == "m.room.member" and key[1] != self.room.user_id)
        event = self.peer.build(evolve(self.room, user_id=UserID(resident)), "m.room.message", {"body": MARK})
        return Mutant(event.pdu, "sender of another server")

    def stranger(self) -> Mutant:
        """Signed well, by a user of this server who is not in the room."""
        stranger = UserID(f"@stranger{self.choice.randrange(10**6)}:{self.peer.name}")
        event = self.peer.build(evolve(self.room, user_id=stranger), "m.room.message", {"body": MARK})
        return Mutant(event.pdu, "sender not in the room")

    def powerless(self) -> Mutant:
        """Signed well, by a member without the power for it."""
        attempts: list[tuple[str, JSONObject, str]] = [
            ("m.room.power_levels", {"users": {self.room.user_id: 100}}, ""),
            ("m.room.name", {"name": MARK}, ""),
            ("m.room.topic", {"topic": MARK}, ""),
            ("m.room.join_rules", {"join_rule": "public"}, ""),
            ("m.room.history_visibility", {"history_visibility": "world_readable"}, ""),
            ("m.room.server_acl", {"allow": []}, ""),
            ("m.room.tombstone", {"body": MARK, "replacement_room": "!x:x"}, ""),
            ("m.room.member", {"membership": "ban"}, f"@victim:{self.peer.name}"),
            ("m.room.member", {"membership": "join"}, f"@other:{self.peer.name}"),
            ("m.room.member", {"membership": "nonsense"}, self.room.user_id),
            ("m.room.member", {}, self.room.user_id),
            ("m.room.create", {"room_version": self.room.version.id, "creator": self.room.user_id}, ""),
            ("org.example.mine", {"text": MARK}, f"@other:{self.peer.name}"),
        ]
        event_type, content, state_key = self.choice.choice(attempts)
        event = self.peer.build(self.room, event_type, content, state_key)
        return Mutant(event.pdu, f"no power for {event_type}")

    def wrong_auth_events(self) -> Mutant:
        """Signed well, with auth_events that give no permission."""
        choices: list[tuple[EventID, ...]] = [
            (),
            (self.room.head,),
            (EventID("$" + "A" * 43),),
            tuple(self.room.state.values())[:1],
            tuple(self.room.state.values()) * 3,
        ]
        wrong = self.choice.choice(choices)
        pdu = self._message()
        return Mutant(self._signed({**pdu, "auth_events": list(wrong)}), "auth_events of no use")

    def unlawful_form(self) -> Mutant:
        """Signed well, though no event may look so."""
        forms: list[tuple[str, Any]] = [
            ("depth", -1),
            ("depth", "1"),
            ("depth", 2**63),
            ("origin_server_ts", "now"),
            ("prev_events", "x"),
            ("prev_events", [{}]),
            ("prev_events", [self.room.head] * 30),
            ("auth_events", {}),
            ("room_id", f"!elsewhere:{self.peer.name}"),
            ("room_id", 5),
            ("sender", "not a user"),
            ("sender", 5),
            ("type", 5),
            ("type", "x" * 300),
            ("state_key", 5),
            ("content", []),
            ("content", "x"),
            ("content", {"body": "x" * 70_000}),
            ("content", {"body": MARK, "number": 2**60}),
        ]
        key, value = self.choice.choice(forms)
        return Mutant(self._signed({**self._message(), key: value}), f"{key} of no lawful form")

    def _message(self) -> JSONObject:
        event = self.peer.build(self.room, "m.room.message", {"msgtype": "m.text", "body": MARK})
        return copy.deepcopy(event.pdu)

    def _signed(self, pdu: JSONObject) -> JSONObject:
        """*pdu* with a hash and a signature that fit, whatever it holds."""
        bare = {key: value for key, value in pdu.items() if key not in {"signatures", "hashes"}}
        version = self.room.version
        hashed: JSONObject = {**bare, "hashes": {"sha256": encode_base64(content_hash(bare, version))}}
        signature = self.peer.key.sign(signed_form(hashed, version))
        return with_signature(hashed, self.peer.name, self.peer.key.key_id, signature)


_FAMILIES: Final[tuple[Callable[[Mutator], Mutant], ...]] = (
    Mutator.altered_value,
    Mutator.altered_subtly,
    Mutator.missing_key,
    Mutator.added_key,
    Mutator.broken_signature,
    Mutator.forged_sender,
    Mutator.stranger,
    Mutator.powerless,
    Mutator.wrong_auth_events,
    Mutator.unlawful_form,
)
