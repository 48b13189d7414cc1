"""What ``scripts/demo`` plays: two organizations, two servers, one encrypted conversation between real clients."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape

from scripts.certificates import make_authority
from scripts.laboratory.client import log_in
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.nio_client import NioClient, register_nio
from scripts.laboratory.synapse import make_synapse

ANCHOR, BEACON = "Anchor Shipping", "Beacon Lights"
QUESTION = "Our ship passes your lighthouse at nine. Will the lamp be lit?"
ANSWER = "It will. Fair winds!"
CIPHERTEXT_SHOWN = 60
_MAKERS: Final[dict[str, Callable[..., Homeserver]]] = {"folkmoot": make_folkmoot, "synapse": make_synapse}


@click.command()
@click.option("--server", type=click.Choice(list(_MAKERS)), default="folkmoot", show_default=True)
def main(server: str) -> None:
    """
    Start two organizations' servers on 127.0.0.1 and 127.0.0.2, and let two people talk, encrypted end to end.

    The servers speak TLS with certificates of an authority made for the occasion.  The people use matrix-nio, a
    client that is not part of this project.  Everything is removed at the end.
    """
    # The client's library tells of every message that its own user cannot read.
    logging.getLogger("nio").setLevel(logging.ERROR)
    console = Console(highlight=False, width=None if Console().is_terminal else 100)
    directory = Path(tempfile.mkdtemp(prefix="folkmoot-demo-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        console.rule("Two organizations")
        authority = make_authority(directory)
        console.print("A certificate authority for this demonstration alone was made.")
        servers: list[Homeserver] = []
        for name, host in ((ANCHOR, "127.0.0.1"), (BEACON, "127.0.0.2")):
            homeserver = _MAKERS[server](find_place(directory / host, authority, host))
            stack.callback(homeserver.stop)
            seconds = homeserver.start()
            servers.append(homeserver)
            console.print(f"{name} runs its own server at [bold]{homeserver.tls_url}[/] ({seconds:.1f} s to start).")
        anchor, beacon = servers
        alice = register_nio(anchor, "alice", directory / "alice")
        stack.callback(alice.close)
        bob = register_nio(beacon, "bob", directory / "bob")
        stack.callback(bob.close)
        console.print(f"Alice joins {ANCHOR} as [bold]{alice.user_id}[/], Bob {BEACON} as [bold]{bob.user_id}[/].")
        console.print("Each has a device whose private keys never leave it.")
        room_id = _converse(console, alice, bob)
        _look_into_servers(console, servers, alice, room_id)
        console.rule("The end")
    console.print("Both servers were stopped, and their files removed.")


def _converse(console: Console, alice: NioClient, bob: NioClient) -> str:
    console.rule("One conversation")
    room_id = alice.create_encrypted_room(bob.user_id)
    console.print(f"Alice creates the encrypted room {room_id} on her server and invites Bob on his.")
    bob.accept_invite(room_id)
    alice.wait_for_member(room_id, bob.user_id)
    bob.wait_for_member(room_id, alice.user_id)
    console.print("The invite came over federation. Bob accepts; from now on both servers keep the room.")
    for speaker, listener, name, other, text in (
        (alice, bob, "Alice", "Bob", QUESTION),
        (bob, alice, "Bob", "Alice", ANSWER),
    ):
        read = listener.read(room_id, speaker.send(room_id, text))
        assert read == text, "what is read is what was written"
        console.print(f"[bold]{name}:[/] {escape(text)}   [dim]({other}'s device received and decrypted it)[/]")
    return room_id


def _look_into_servers(console: Console, servers: list[Homeserver], alice: NioClient, room_id: str) -> None:
    console.rule("What the servers know")
    timeline = log_in(servers[0], alice.user_id).timeline(room_id)
    for event in reversed(timeline):
        if event["type"] == "m.room.encrypted":
            ciphertext = event["content"]["ciphertext"][:CIPHERTEXT_SHOWN]
            console.print(f"from {event['sender']}: [dim]{ciphertext}...[/]")
    for homeserver in servers:
        assert homeserver.contains(room_id.encode()), "its files hold the room"
        found = [text for text in (QUESTION, ANSWER) if homeserver.contains(text.encode())]
        if found:
            raise click.ClickException(f"{homeserver.server_name} holds what was said in the clear: {found}")
    console.print("No file of either server holds a word of what was said: they keep and pass on ciphertext only.")


if __name__ == "__main__":
    main()
