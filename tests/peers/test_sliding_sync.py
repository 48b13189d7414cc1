"""matrix-js-sdk syncs by its own SlidingSync: lists, subscriptions and extensions, over a restart of the server too."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from scripts.certificates import make_authority
from scripts.laboratory.client import MatrixClient, register
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.js_client import JSClient, start_js
from scripts.laboratory.tools import Unavailable

pytestmark = pytest.mark.peers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Homeserver]:
    place = find_place(tmp_path / "server", make_authority(tmp_path))
    folkmoot = make_folkmoot(place)
    folkmoot.start()
    yield folkmoot
    folkmoot.stop()


def _start(server: Homeserver, user: MatrixClient, directory: Path) -> JSClient:
    try:
        client = start_js(server, directory, "sliding.mjs")
    except Unavailable as missing:
        pytest.skip(str(missing))
    own = {"userId": user.user_id, "accessToken": user.access_token, "deviceId": user.device_id}
    assert client.do("start", baseUrl=server.client_url, **own) == "SYNCING"
    return client


def test_a_client_follows_its_rooms(server: Homeserver, tmp_path: Path) -> None:
    """The list comes, grows and is reordered, a subscription brings older events, and every extension delivers."""
    alice, bob = register(server, "alice"), register(server, "bob")
    rooms = [alice.create_room(preset="public_chat", name=f"Room {number}") for number in range(4)]
    for room_id in rooms:
        bob.join(room_id)
    js = _start(server, alice, tmp_path / "js")
    try:
        assert {room["name"] for room in js.do("rooms")} == {"Room 3", "Room 2"}
        assert js.do("count") == 4
        # A message moves a room to the top of the list, which brings it.
        first = bob.send(rooms[0], "good morning")
        moved = js.do("message", room_id=rooms[0], event_id=first)
        assert moved["rooms"] == [rooms[0]]
        assert moved["unread"] == 1
        assert js.do("widen") == 4
        bumps = js.do("bumps")
        assert max(bumps, key=lambda room_id: bumps[room_id]) == rooms[0]
        assert js.do("subscribe", room_id=rooms[1]) > 5

        # What extensions bring.
        path = f"/v3/rooms/{quote(rooms[0], safe='')}"
        bob.request("PUT", f"{path}/typing/{quote(bob.user_id)}", {"typing": True, "timeout": 30000})
        assert js.do("typing", room_id=rooms[0], user_id=bob.user_id) is True
        said = alice.send(rooms[0], "good morning to you")
        bob.request("POST", f"{path}/receipt/m.read/{quote(said, safe='')}", {})
        assert js.do("receipt", room_id=rooms[0], user_id=bob.user_id, event_id=said) is True
        alice.request("PUT", f"/v3/user/{quote(alice.user_id)}/account_data/x.colors", {"favorite": "green"})
        assert js.do("account_data", kind="x.colors") == {"favorite": "green"}
        message = {"messages": {alice.user_id: {alice.device_id: {"secret": "oak"}}}}
        bob.request("PUT", "/v3/sendToDevice/x.hint/t1", message)
        assert js.do("to_device", kind="x.hint") == {"secret": "oak"}

        # An invite, and news after the server was another process.
        invited = bob.create_room(preset="private_chat", invite=[alice.user_id])
        assert js.do("invite", room_id=invited) == "invite"
        server.restart()
        later = bob.send(rooms[2], "still there?")
        assert js.do("message", room_id=rooms[2], event_id=later)["rooms"] == [rooms[2]]
    finally:
        js.close()


def test_devices_are_told_of(server: Homeserver, tmp_path: Path) -> None:
    """Both clients sync by lists alone, and know each other's devices."""
    alice, bob = register(server, "alice"), register(server, "bob")
    room_id = alice.create_room(preset="public_chat")
    hers = _start(server, alice, tmp_path / "hers")
    try:
        his = _start(server, bob, tmp_path / "his")
        try:
            bob.join(room_id)
            last = bob.send(room_id, "here I am")
            hers.do("message", room_id=room_id, event_id=last)

            assert hers.do("devices", user_id=bob.user_id) == [bob.device_id]
            assert his.do("devices", user_id=alice.user_id) == [alice.device_id]
        finally:
            his.close()
    finally:
        hers.close()
