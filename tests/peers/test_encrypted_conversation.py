"""Real clients with end-to-end encryption, one on each of two servers, in each other's room."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.laboratory.client import log_in
from scripts.laboratory.encrypted import EncryptedClient
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.js_client import register_js
from scripts.laboratory.nio_client import register_nio
from scripts.laboratory.tools import Unavailable
from tests.peers.conftest import Stage

pytestmark = pytest.mark.peers

CLIENTS: dict[str, Callable[[Homeserver, str, Path], EncryptedClient]] = {"nio": register_nio, "js": register_js}


@pytest.mark.parametrize(("hers", "his"), [("nio", "nio"), ("js", "js"), ("nio", "js"), ("js", "nio")])
def test_the_servers_see_ciphertext_only(stage: Stage, tmp_path: Path, hers: str, his: str) -> None:
    """Two clients exchange messages that decrypt on the other side; neither server's files hold the words."""
    question = f"shall we meet by the old oak {stage.name} {hers}"
    answer = f"at first light {stage.name} {his}"
    try:
        alice = CLIENTS[hers](stage.home, f"alice-{stage.name}", tmp_path / "alice")
    except Unavailable as missing:
        pytest.skip(str(missing))
    try:
        bob = CLIENTS[his](stage.away, f"bob-{stage.name}", tmp_path / "bob")
    except Unavailable as missing:
        alice.close()
        pytest.skip(str(missing))
    try:
        room_id = alice.create_encrypted_room(bob.user_id)
        bob.accept_invite(room_id)
        alice.wait_for_member(room_id, bob.user_id)
        bob.wait_for_member(room_id, alice.user_id)

        assert bob.read(room_id, alice.send(room_id, question)) == question
        assert alice.read(room_id, bob.send(room_id, answer)) == answer
        _check_messages(stage.home, alice.user_id, room_id)
        _check_messages(stage.away, bob.user_id, room_id)
        for server in (stage.home, stage.away):
            assert server.contains(room_id.encode()), "the files that were looked into are those of the server"
            assert not server.contains(question.encode())
            assert not server.contains(answer.encode())
    finally:
        alice.close()
        bob.close()


def _check_messages(server: Homeserver, user_id: str, room_id: str) -> None:
    """What the server holds of the room are two encrypted events, and no message in the clear."""
    events = log_in(server, user_id).timeline(room_id)
    encrypted = [event for event in events if event["type"] == "m.room.encrypted"]
    assert len(encrypted) == 2
    assert all(event["content"]["algorithm"] == "m.megolm.v1.aes-sha2" for event in encrypted)
    assert "m.room.message" not in json.dumps(events)
