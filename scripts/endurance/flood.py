"""A flood of unsound events from a peer: none may be taken, the sound ones between them all are, memory stays flat."""

import json
import random
from collections import Counter
from functools import partial

from attrs import Factory, define, field

from homeserver.core.canonical import JSONObject
from scripts.endurance.mutations import MARK, Mutator
from scripts.laboratory.client import MatrixClient, register
from scripts.laboratory.federation_peer import FederationPeer, PeerRefused, PeerRoom, start_peer
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import resident_bytes, wait_until

ROOM_VERSION = "10"
MUTANTS_A_TRANSACTION = 40
PAGES_MAX = 500
MEBIBYTE = 1 << 20


@define
class Flood:
    """A peer in a room of *server*, sending; use `start_flood`, and `close` it."""

    server: Homeserver
    observer: MatrixClient
    peer: FederationPeer
    room: PeerRoom
    choice: random.Random
    sent: int = 0
    wrongs: Counter[str] = field(factory=Counter)
    sound: list[str] = Factory(list)
    faults: list[str] = Factory(list)
    """Transactions that the server did not answer with 200."""
    memory: list[int] = Factory(list)
    """Resident bytes after each transaction."""

    def send(self, count: int) -> None:
        """*count* mutants are sent, in transactions that each end with a sound event."""
        mutator = Mutator(self.peer, self.room, self.choice)
        while count > 0:
            mutants = [mutator.mutant() for _ in range(min(count, MUTANTS_A_TRANSACTION))]
            count -= len(mutants)
            self.sent += len(mutants)
            self.wrongs.update(mutant.wrong for mutant in mutants)
            self._send_transaction([mutant.pdu for mutant in mutants])
            self.memory.append(resident_bytes(self.server.pid))

    def _send_transaction(self, mutants: list[JSONObject]) -> None:
        sound = self.peer.say(self.room, f"sound {len(self.sound)}")
        try:
            self.peer.send([*mutants, sound.pdu])
        except PeerRefused as refused:
            self.faults.append(str(refused)[:500])
            self.peer.send([sound.pdu])
        self.sound.append(sound.event_id)
        wait_until(partial(self.observer.has_event, self.room.room_id, sound.event_id), "the sound event is taken")

    def taken(self) -> list[str]:
        """What of the mutants is seen by a member: events of the peer that are not sound, and anything marked."""
        events = self.observer.timeline(self.room.room_id, PAGES_MAX)
        events += list(self.observer.state(self.room.room_id).values())
        sound = {*self.sound, self.room.state["m.room.member", self.room.user_id]}
        return [
            json.dumps(event)[:300]
            for event in events
            if (event["sender"].endswith(f":{self.peer.name}") and event["event_id"] not in sound)
            or MARK in json.dumps(event)
        ]

    def memory_growth(self) -> int:
        """Bytes by which the resident memory grew over the last three quarters of the flood."""
        quarter = len(self.memory) // 4
        return self.memory[-1] - self.memory[quarter]

    def memory_course(self, parts: int = 10) -> list[int]:
        """The resident memory in bytes at the beginning, and after each of *parts* equal parts of the flood."""
        last = len(self.memory) - 1
        return [self.memory[last * part // parts] for part in range(parts + 1)]

    def close(self) -> None:
        self.peer.close()


def start_flood(server: Homeserver, seed: int) -> Flood:
    """A room on *server* with one resident, and a peer's user who has joined it."""
    observer = register(server, f"observer{seed}")
    room_id = observer.create_room(preset="public_chat", room_version=ROOM_VERSION)
    peer = start_peer(server, server.place.authority)
    room = peer.join(room_id, "mallory", ROOM_VERSION)
    return Flood(server, observer, peer, room, random.Random(seed))
