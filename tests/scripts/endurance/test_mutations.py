"""Tests of scripts.endurance.mutations."""

import random
from typing import Any

from homeserver.core.event_signatures import check_signatures
from homeserver.core.hashes import is_intact
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu
from homeserver.core.signatures import SigningKey
from homeserver.core.verdicts import Denied
from homeserver.core.versions import ROOM_VERSIONS
from scripts.endurance.mutations import Mutator
from scripts.laboratory.federation_peer import FederationPeer, PeerRoom

PEER = ServerName("peer.example")
KEY = SigningKey.from_seed("ed25519:lab", b"k" * 32)
MALLORY = UserID(f"@mallory:{PEER}")


def a_mutator(seed: int) -> Mutator:
    unused: Any = None
    peer = FederationPeer(PEER, KEY, unused, unused, unused)
    state = {
        ("m.room.create", ""): EventID("$create"),
        ("m.room.member", "@host:elsewhere.example"): EventID("$host"),
        ("m.room.power_levels", ""): EventID("$levels"),
        ("m.room.member", str(MALLORY)): EventID("$mallory"),
    }
    room = PeerRoom(RoomID("!room:elsewhere.example"), ROOM_VERSIONS["10"], MALLORY, state, EventID("$head"), 7)
    return Mutator(peer, room, random.Random(seed))


def test_what_is_altered_after_signing_shows() -> None:
    """Its form is broken, or its signature or hash does not fit: never a sound event by chance."""
    families = [
        Mutator.altered_value,
        Mutator.altered_subtly,
        Mutator.missing_key,
        Mutator.added_key,
        Mutator.broken_signature,
    ]
    mutants = [family(a_mutator(seed)) for family in families for seed in range(200)]
    for mutant in mutants:
        try:
            event = parse_pdu(dict(mutant.pdu), ROOM_VERSIONS["10"])
        except Malformed:
            continue
        verdict = check_signatures(event, {PEER: {KEY.key_id: KEY.verify_key}})
        assert isinstance(verdict, Denied) or not is_intact(event), mutant.wrong
