"""
Bridges made with the frameworks of npm at work: matrix-appservice-bridge, and the bot SDK with end-to-end encryption.

They are processes of their own, whose registrations are what the frameworks make of them.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.certificates import make_authority
from scripts.laboratory.client import MatrixError, register
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.js_client import JSClient, register_js, start_js
from scripts.laboratory.tools import Unavailable

pytestmark = pytest.mark.peers


@contextmanager
def connected(directory: Path, script: str, **more: str) -> Iterator[tuple[Homeserver, JSClient]]:
    """A server and the bridge of *script* that it knows; *more*: what the script is told beside."""
    place = find_place(directory / "server", make_authority(directory))
    file = directory / "bridge.yaml"
    server = make_folkmoot(place, more={"appservices": [str(file)]})
    try:
        bridge = start_js(server, directory / "bridge", script)
    except Unavailable as missing:
        pytest.skip(str(missing))
    try:
        registration = bridge.do("begin", homeserverUrl=server.client_url, domain=server.server_name, **more)
        # JSON is YAML.
        file.write_text(json.dumps(registration))
        server.start()
        yield server, bridge
    finally:
        server.stop()
        bridge.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Homeserver, JSClient]]:
    with connected(tmp_path_factory.mktemp("npm"), "bridge.mjs") as both:
        yield both


def test_ghosts_and_portals_on_demand(world: tuple[Homeserver, JSClient]) -> None:
    """Whom somebody invites and where somebody goes is made while it is asked for, if the bridge makes it."""
    server, bridge = world
    alice = register(server, "alice")
    assert bridge.do("ping") is True
    ghost, alias = f"@_bridge_ann:{server.server_name}", f"#_bridge_tea:{server.server_name}"
    room_id = alice.create_room(invite=[ghost])
    bridge.do("joined", who="ann", room_id=room_id)
    assert alice.state(room_id)["m.room.member", ghost]["content"]["displayname"] == "Made for you"
    portal = alice.join(alias)
    assert alice.state(portal)["m.room.name", ""]["content"]["name"] == "Portal"
    assert {ghost, alias} <= set(bridge.do("asked"))

    with pytest.raises(MatrixError, match="M_NOT_FOUND"):
        alice.join(f"#_bridge_nowhere:{server.server_name}")


def test_conversations(world: tuple[Homeserver, JSClient]) -> None:
    """Both sides hear each other, once and in order, and of who types, reads and is there."""
    server, bridge = world
    bob = register(server, "bob")
    ghost = f"@_bridge_zoe:{server.server_name}"
    room_id = bob.create_room(invite=[ghost])
    bridge.do("joined", who="zoe", room_id=room_id)
    assert bridge.do("dress", who="zoe", room_id=room_id, displayname="Zoe")["displayname"] == "Zoe"
    greeting = bridge.do("say", who="zoe", room_id=room_id, text="hello from afar")
    assert bob.wait_for_event(room_id, greeting)["sender"] == ghost
    answer = bob.send(room_id, "hello back")
    assert bridge.do("heard", text="hello back") == {"sender": bob.user_id, "room_id": room_id, "id": answer}
    bridge.do("read", who="zoe", room_id=room_id, event_id=answer)

    bob.room("PUT", room_id, f"/typing/{bob.user_id}", {"typing": True, "timeout": 20000})
    bob.room("POST", room_id, f"/receipt/m.read/{greeting}", {})
    bob.request("PUT", f"/v3/presence/{bob.user_id}/status", {"presence": "online"})
    assert bridge.do("noticed", user_id=bob.user_id) == {
        "typing": room_id,
        "receipt": [room_id, [greeting]],
        "presence": "online",
    }
    # What ghosts say comes back to the framework, which keeps it from the bridge.
    assert bridge.do("texts") == ["hello back"]


def test_networks(world: tuple[Homeserver, JSClient]) -> None:
    """Clients find the bridged network, its users and its places."""
    server, _ = world
    carol = register(server, "carol")
    network = carol.request("GET", "/v3/thirdparty/protocols")["irc"]
    assert [each["network_id"] for each in network["instances"]] == ["net"]
    users: Any = carol.request("GET", "/v3/thirdparty/user/irc", query={"nick": "ann"})
    assert [(each["userid"], each["fields"]) for each in users] == [("@_bridge_ann:here", {"nick": "ann"})]
    places: Any = carol.request("GET", "/v3/thirdparty/location/irc", query={"channel": "#tea"})
    assert [(each["alias"], each["fields"]) for each in places] == [("#_bridge_tea:here", {"channel": "#tea"})]


def test_ghosts_that_encrypt(tmp_path: Path) -> None:
    """A ghost that never syncs reads what a client of another kind encrypts for it, and is read."""
    folder = tmp_path / "keys"
    folder.mkdir()
    tokens = {"as_token": secrets.token_hex(16), "hs_token": secrets.token_hex(16)}
    with connected(tmp_path, "encrypted_bridge.mjs", folder=str(folder), **tokens) as (server, bridge):
        alice = register_js(server, "alice", tmp_path / "alice")
        try:
            own = bridge.do("prepare", who="ann")
            room_id = alice.create_encrypted_room(own["ghost"])
            bridge.do("join", who="ann", room_id=room_id)
            for user_id in own.values():
                alice.wait_for_member(room_id, user_id)
            for word in ("under the oak", "at noon"):
                alice.send(room_id, word)
                assert bridge.do("heard", text=word) == alice.user_id
            said = bridge.do("say", who="ann", room_id=room_id, text="I shall be there")
            assert alice.read(room_id, said) == "I shall be there"
            assert not server.contains(b"under the oak")
        finally:
            alice.close()
