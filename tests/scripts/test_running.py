"""One run of the command as a process of its own: it greets, answers, and stops when it is told to."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from scripts.laboratory.processes import PATIENCE_SECONDS, free_port

TOLD_TOO_SOON = """
import os, signal
from twisted.internet.task import deferLater
from scripts import running
from scripts.main import main

start_server = running.start

async def start(settings, reactor):
    server = await start_server(settings, reactor)
    os.kill(os.getpid(), signal.SIGTERM)
    for turn in range(3):
        await deferLater(reactor, 0)
    return server

running.start = start
main(["serve"])
"""


class RunTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.port = free_port()

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """The server in a folder of its own, or what Python is told otherwise."""
        process = subprocess.Popen(
            [sys.executable, *(arguments or ("-m", "scripts.main", "serve"))],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "FOLKMOOT__LISTENERS": f"[{{port: {self.port}}}]",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_it_says_where_it_is_once_it_answers_and_stops_when_told(self) -> None:
        """On both signals, with a good status, and with its log where the settings say."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                process = self.start(FOLKMOOT__LOGGING="{file: server.log}")
                assert process.stdout is not None
                address = next(line for line in process.stdout if "http://" in line).split()[-1]
                with urllib.request.urlopen(f"{address}/_matrix/client/versions") as response:
                    status = response.status
                process.send_signal(number)
                _, errors = process.communicate(timeout=PATIENCE_SECONDS)

                self.assertEqual((f"http://127.0.0.1:{self.port}", 200), (address, status))
                self.assertEqual((0, ""), (process.returncode, errors))
        self.assertIn('"event":"stopping"', (self.folder / "server.log").read_text())

    def test_it_stops_when_told_while_it_starts(self) -> None:
        """It starts to its end and stops then, with a good status: nothing is left that keeps the process."""
        process = self.start("-c", TOLD_TOO_SOON, FOLKMOOT__LOGGING="{level: warning}")
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)

        self.assertEqual((0, ""), (process.returncode, errors))

    def test_what_keeps_it_from_starting_is_said_in_a_sentence(self) -> None:
        """Without a traceback, and with a status that says so."""
        process = self.start(FOLKMOOT__LISTENERS=f"[{{port: {self.port}, tls: {{certificate: a, private_key: b}}}}]")
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)

        self.assertEqual(1, process.returncode)
        self.assertIn("Folkmoot cannot start: ", errors)
        self.assertIn("a cannot be read: No such file", errors)
        self.assertNotIn("Traceback", errors)
