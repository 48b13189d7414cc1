"""matrix-js-sdk under Node.js as a blocking client: a child process that takes one JSON command a line."""

import json
import os
import subprocess
from pathlib import Path
from typing import IO, Any, cast

from attrs import define, field

from scripts.laboratory.client import PASSWORD
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import PATIENCE_SECONDS
from scripts.laboratory.tools import JS_CLIENT, find_node


class JSClientError(Exception):
    """The client or its server refused; holds the JavaScript error."""


@define
class JSClient:
    """One matrix-js-sdk device.  Use `register_js`."""

    _child: "subprocess.Popen[str]" = field(repr=False)
    log: Path
    _user_id: str = ""
    _serial: int = 0

    @property
    def user_id(self) -> str:
        return self._user_id

    def register(self, server: Homeserver, username: str) -> None:
        self._user_id = self.do("register", baseUrl=server.tls_url, username=username, password=PASSWORD)

    def create_encrypted_room(self, invited: str) -> str:
        return cast(str, self.do("create_encrypted_room", invited=invited))

    def accept_invite(self, room_id: str) -> None:
        self.do("accept_invite", room_id=room_id)

    def wait_for_member(self, room_id: str, user_id: str) -> None:
        self.do("wait_for_member", room_id=room_id, user_id=user_id)

    def send(self, room_id: str, text: str) -> str:
        return cast(str, self.do("send", room_id=room_id, text=text))

    def read(self, room_id: str, event_id: str) -> str:
        return cast(str, self.do("read", room_id=room_id, event_id=event_id))

    def close(self) -> None:
        if self._child.poll() is None:
            # The end of its input is the end of its work.
            self._stdin.close()
            try:
                self._child.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()

    @property
    def _stdin(self) -> IO[str]:
        assert self._child.stdin is not None, "opened as a pipe"
        return self._child.stdin

    def do(self, name: str, **parameters: str) -> Any:
        """What the command answers.  Raises JSClientError."""
        # The client bounds every wait itself, so an answer always comes, or the end of its output.
        self._serial += 1
        self._stdin.write(json.dumps({"id": self._serial, "do": name, **parameters}) + "\n")
        self._stdin.flush()
        assert self._child.stdout is not None, "opened as a pipe"
        line = self._child.stdout.readline()
        if not line:
            raise JSClientError(f"Node.js ended:\n{self.log.read_text()[-2000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise JSClientError(f"{name}: {answer['error']}")
        return answer["result"]


def register_js(server: Homeserver, username: str, directory: Path) -> JSClient:
    """A new user with one matrix-js-sdk device.  Raises Unavailable when Node.js is not set up."""
    client = start_js(server, directory)
    client.register(server, username)
    return client


def start_js(server: Homeserver, directory: Path, script: str = "client.mjs") -> JSClient:
    """*script* runs, and waits for commands.  Raises Unavailable when Node.js is not set up."""
    node = find_node()
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "node.log"
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [str(node), str(JS_CLIENT / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(server.place.authority.certificate)},
        )
    return JSClient(child, log)
