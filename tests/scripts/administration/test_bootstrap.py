"""Accounts made on the server's own machine: by the command itself, which brings a reactor of its own."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from conf.reading import read_settings
from homeserver.http.request import EdgeSite
from scripts.laboratory.processes import PATIENCE_SECONDS
from scripts.serve import Server, start
from tests.client import Client

CONFIG = """
server_name: example.org
listeners: [{port: 0}]
passwords: {argon2_time_cost: 1, argon2_memory_kib: 8}
"""


class BootstrapTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "folkmoot.yaml"
        self.file.write_text(CONFIG)

    async def run_command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "scripts.main", *arguments, "--config", str(self.file)]
        return await deferToThread(
            subprocess.run, command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )

    async def log_in(self, server: Server, name: str) -> Client:
        client = Client(EdgeSite(server.edge, server.settings.http, reactor))
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": "a good one"}
        opened = await client.post("/_matrix/client/v3/login", body)
        self.assertEqual(200, opened.status, opened.body)
        return client.signed_in(opened.json["access_token"])

    async def test_the_first_administrator(self) -> None:
        """Made before the server ever ran, with registration closed; another while it runs."""
        made = await self.run_command("register-user", "root", "--admin", "--password", "a good one")
        self.assertEqual(
            (0, "@root:example.org can log in and administers the server.\n"), (made.returncode, made.stdout)
        )
        server = await start(read_settings(self.file, {}), reactor)
        self.addCleanup(server.stop)
        root = await self.log_in(server, "root")
        self.assertEqual(200, (await root.get("/_folkmoot/admin/v1/users")).status)

        made = await self.run_command("register-user", "alice", "--password", "a good one")
        self.assertEqual(0, made.returncode, made.stderr)
        promoted = await self.run_command("make-admin", "@alice:example.org")
        self.assertEqual((0, "@alice:example.org administers the server.\n"), (promoted.returncode, promoted.stdout))
        alice = await self.log_in(server, "alice")
        self.assertEqual(200, (await alice.get("/_folkmoot/admin/v1/users")).status)

    async def test_what_cannot_be_made(self) -> None:
        """Is said in a sentence."""
        await self.run_command("register-user", "root", "--password", "a good one")
        for arguments, said in (
            (("register-user", "root", "--password", "a good one"), "There is an account @root:example.org already."),
            (("register-user", "a b", "--password", "a good one"), "A user name holds only"),
            (("make-admin", "nobody"), "There is no account @nobody:example.org."),
        ):
            with self.subTest(arguments=arguments):
                result = await self.run_command(*arguments)

                self.assertEqual(1, result.returncode)
                self.assertIn(said, result.stderr)
                self.assertNotIn("Traceback", result.stderr)
