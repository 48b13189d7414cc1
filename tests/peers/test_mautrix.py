"""A bridge made with mautrix, the framework of many, runs against a server as a process of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import define, field

from scripts.certificates import make_authority
from scripts.laboratory.client import MatrixClient, register
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.processes import free_port
from tests.waiting import until_in_asyncio

mautrix_api = pytest.importorskip("mautrix.api")
mautrix_appservice = pytest.importorskip("mautrix.appservice")
mautrix_types = pytest.importorskip("mautrix.types")
pytestmark = pytest.mark.peers


@define(eq=False)
class Scene:
    """A server and a bridge that it knows.  *seen*: the events that the bridge was told of; *devices*: messages."""

    server: Homeserver
    bridge: Any
    port: int
    seen: list[Any] = field(factory=list)
    devices: list[Any] = field(factory=list)

    @property
    def domain(self) -> str:
        return self.server.server_name

    def ghost(self, name: str) -> Any:
        return self.bridge.intent.user(f"@_bridge_{name}:{self.domain}")

    async def user(self, name: str) -> MatrixClient:
        return await asyncio.to_thread(register, self.server, name)

    def texts(self) -> list[str]:
        """The messages that the bridge was told of."""
        return [event.content.body for event in self.seen if str(event.type) == "m.room.message"]

    def of_type(self, name: str) -> list[Any]:
        return [event for event in self.seen if str(event.type) == name]

    async def until(self, holds: Callable[[], object]) -> None:
        """It holds after a while."""
        await until_in_asyncio(holds, "the bridge is told")


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Both run within it."""
    place = find_place(folder / "server", make_authority(folder))
    port = free_port()
    tokens = {"as_token": secrets.token_hex(16), "hs_token": secrets.token_hex(16)}
    registration = {
        "id": "bridge",
        "url": f"http://127.0.0.1:{port}",
        **tokens,
        "sender_localpart": "_bridge",
        "rate_limited": False,
        "namespaces": {
            "users": [{"exclusive": True, "regex": "@_bridge_.*"}],
            "aliases": [{"exclusive": True, "regex": "#_bridge_.*"}],
        },
        "de.sorunome.msc2409.push_ephemeral": True,
        "receive_ephemeral": True,
        "org.matrix.msc3202": True,
    }
    file = folder / "bridge.yaml"
    file.write_text(yaml.safe_dump(registration))
    traffic = {"retry_min_seconds": 0.2, "retry_max_seconds": 1}
    server = make_folkmoot(place, more={"appservices": [str(file)], "appservice_traffic": traffic})
    bridge = mautrix_appservice.AppService(
        server=server.client_url,
        domain=server.server_name,
        id="bridge",
        bot_localpart="_bridge",
        state_store=mautrix_appservice.state_store.FileASStateStore(folder / "state.json", binary=False),
        ephemeral_events=True,
        encryption_events=True,
        loop=asyncio.get_running_loop(),
        **tokens,
    )
    found = Scene(server, bridge, port)

    async def see(event: Any) -> None:
        found.seen.append(event)

    async def see_device(event: Any) -> None:
        found.devices.append(event)

    bridge.matrix_event_handler(see)
    bridge.to_device_handler = see_device
    bridge.synchronous_handlers = True
    await bridge.start("127.0.0.1", port)
    try:
        await asyncio.to_thread(server.start)
        yield found
    finally:
        await asyncio.to_thread(server.stop)
        await bridge.stop()


def play(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    """*story* has been told, or fails."""

    async def run() -> None:
        async with scene(folder) as found:
            await story(found)

    asyncio.run(run())


def test_a_bridge_at_work(tmp_path: Path) -> None:
    """It pings, makes users with names, lets them talk, and hears what is said, who types, reads and is there."""

    async def story(at: Scene) -> None:
        assert await at.bridge.ping_self("meow") >= 0
        alice, ghost = await at.user("alice"), at.ghost("ann")
        await ghost.set_displayname("Ann of IRC")
        room_id = await at.bridge.intent.create_room(name="Portal", invitees=[alice.user_id, ghost.mxid])
        await ghost.ensure_joined(room_id)
        greeting = await ghost.send_text(room_id, "hello from afar")
        await asyncio.to_thread(alice.join, room_id)
        answer = await asyncio.to_thread(alice.send, room_id, "hello back")
        await at.until(lambda: "hello back" in at.texts())

        typing = f"/typing/{alice.user_id}"
        await asyncio.to_thread(alice.room, "PUT", room_id, typing, {"typing": True, "timeout": 30000})
        await asyncio.to_thread(alice.room, "POST", room_id, f"/receipt/m.read/{greeting}", {})
        presence = f"/v3/presence/{alice.user_id}/status"
        await asyncio.to_thread(alice.request, "PUT", presence, {"presence": "online"})
        await at.until(lambda: at.of_type("m.typing") and at.of_type("m.receipt") and at.of_type("m.presence"))
        await ghost.mark_read(room_id, answer)
        await ghost.set_typing(room_id, 1000)
        await ghost.set_presence(mautrix_types.PresenceState.ONLINE)
        await ghost.redact(room_id, greeting)

        assert at.texts() == ["hello from afar", "hello back"]
        assert at.of_type("m.typing")[0].room_id == room_id
        event = next(each for each in at.seen if getattr(each, "event_id", None) == answer)
        assert (event.sender, event.room_id) == (alice.user_id, room_id)
        member = (await asyncio.to_thread(alice.state, room_id))["m.room.member", ghost.mxid]
        assert member["content"]["displayname"] == "Ann of IRC"

    play(tmp_path, story)


def test_portals_and_puppets_on_demand(tmp_path: Path) -> None:
    """Somebody joins a room and invites a user that the bridge makes while it is asked."""

    async def story(at: Scene) -> None:
        made: list[str] = []

        async def query_alias(alias: str) -> Any:
            made.append(alias)
            await at.bridge.intent.create_room(
                alias_localpart=alias[1:].partition(":")[0],
                preset=mautrix_types.RoomCreatePreset.PUBLIC,
                name="Made for you",
            )
            return {"room": alias}

        async def query_user(user_id: str) -> Any:
            made.append(user_id)
            await at.bridge.intent.user(user_id).ensure_registered()
            return {"user": user_id}

        at.bridge.query_alias, at.bridge.query_user = query_alias, query_user
        alice = await at.user("alice")
        alias, ghost = f"#_bridge_tea:{at.domain}", f"@_bridge_bob:{at.domain}"
        room_id = await asyncio.to_thread(alice.join, alias)
        portal = await asyncio.to_thread(alice.create_room, invite=[ghost])
        await at.until(lambda: any(getattr(each, "state_key", None) == ghost for each in at.seen))
        await at.bridge.intent.user(ghost).join_room_by_id(portal)

        assert made == [alias, ghost]
        assert (await asyncio.to_thread(alice.membership, portal, ghost)) == "join"
        assert (await asyncio.to_thread(alice.state, room_id))["m.room.name", ""]["content"]["name"] == "Made for you"

    play(tmp_path, story)


def test_an_outage_loses_nothing(tmp_path: Path) -> None:
    """The bridge is away, and the server is killed meanwhile: what was said comes later, in order, once."""

    async def story(at: Scene) -> None:
        alice = await at.user("alice")
        room_id = await at.bridge.intent.create_room(invitees=[alice.user_id])
        await asyncio.to_thread(alice.join, room_id)
        await asyncio.to_thread(alice.send, room_id, "0")
        await at.until(lambda: at.texts() == ["0"])
        await at.bridge.stop()
        for number in range(1, 4):
            await asyncio.to_thread(alice.send, room_id, str(number))
        await asyncio.to_thread(at.server.kill)
        await asyncio.to_thread(at.server.start)
        await asyncio.to_thread(alice.send, room_id, "4")
        await at.bridge.start("127.0.0.1", at.port)
        await at.until(lambda: "4" in at.texts())

        assert at.texts() == ["0", "1", "2", "3", "4"]

    play(tmp_path, story)


def test_devices_of_puppets(tmp_path: Path) -> None:
    """Made without a login, they are sent messages, each of which reaches the bridge once."""

    async def story(at: Scene) -> None:
        alice, ghost = await at.user("alice"), at.ghost("ann")
        await ghost.ensure_registered()
        path = mautrix_api.Path.v3.devices["PUPPET"]
        await ghost.api.request("PUT", path, {"display_name": "Puppet"})
        secret = {"KEY": {"type": 0, "body": "ciphered"}}
        message = {"algorithm": "m.olm.v1.curve25519-aes-sha2", "sender_key": "key", "ciphertext": secret}
        content = {"messages": {ghost.mxid: {"PUPPET": message}}}
        await asyncio.to_thread(alice.request, "PUT", "/v3/sendToDevice/m.room.encrypted/t1", content)
        await at.until(lambda: at.devices)

        (received,) = at.devices
        assert (received.to_user_id, received.to_device_id) == (ghost.mxid, "PUPPET")
        assert (received.sender, received.content.sender_key) == (alice.user_id, "key")

    play(tmp_path, story)
