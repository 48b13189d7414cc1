"""``folkmoot admin``, against a whole server on a socket."""

import json
import stat
import sys
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Any
from unittest import TestCase as PlainCase
from unittest.mock import call, patch

from click.testing import CliRunner, Result
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from conf.reading import parse_settings
from homeserver.core.identifiers import UserID
from homeserver.store import users
from scripts.administration import credentials
from scripts.administration.client import AdminClient
from scripts.administration.commands import ALIASES, GROUPS
from scripts.administration.display import text_of
from scripts.administration.operations import FILE, operations
from scripts.compile_commands import render
from scripts.main import main
from scripts.serve import Server, start

QUICK = {"passwords": {"argon2_time_cost": 1, "argon2_memory_kib": 8}, "listeners": [{"port": 0}]}
PASSWORD = "correct horse 9"


class ShapeTests(PlainCase):
    def test_the_compiled_description_is_fresh(self) -> None:
        """``python -m scripts.compile_commands`` would change nothing."""
        self.assertEqual(render(), FILE.read_text(encoding="utf-8"), "run python -m scripts.compile_commands")

    def test_commands_load_nothing_of_the_server(self) -> None:
        """Nor the reactor, nor what draws tables for those that draw none."""
        program = "import sys, scripts.main, scripts.administration.commands; print(*sys.modules)"
        loaded = set(run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split())

        self.assertEqual(set(), loaded & {"homeserver", "conf", "twisted", "sqlalchemy", "structlog", "rich"})

    def test_every_operation_is_a_command(self) -> None:
        """And explains itself, with all that it takes."""
        runner = CliRunner()
        for words in (*operations(), *ALIASES):
            with self.subTest(command=words):
                result = runner.invoke(main, ["admin", *words.split(), "--help"])

                self.assertEqual(0, result.exit_code, result.output)
                self.assertIn("--json", result.output)

    def test_every_group_says_what_it_is_for(self) -> None:
        """There is no group without words."""
        groups = {words.split()[0] for words in operations() if " " in words}

        self.assertEqual(set(), groups - GROUPS.keys())

    def test_jobs_are_waited_for(self) -> None:
        """Until they are over, however that is; a command whose job failed fails."""
        queued = {"job_id": 7, "state": "queued", "done": 0}
        running = {**queued, "state": "running", "phase": "leaving_rooms", "done": 3, "total": 9}
        for end, status in (("done", 0), ("failed", 1), ("cancelled", 1)):
            over = {**running, "state": end, "done": 9}
            with (
                self.subTest(end=end),
                patch.object(AdminClient, "ask", side_effect=[queued, running, over]) as asked,
                patch("scripts.administration.commands.FOLLOW_SECONDS", 0),
            ):
                arguments = ["admin", "--url", "http://x", "--token", "t", "rooms", "delete", "!r:x", "--yes", "--json"]
                result = CliRunner().invoke(main, arguments)

                self.assertEqual(status, result.exit_code, result.output)
                self.assertEqual(over, json.loads(result.output))
                self.assertEqual([call("GET", "/_folkmoot/admin/v1/jobs/7")] * 2, asked.call_args_list[1:])

    def test_values_are_shown_for_people(self) -> None:
        """Sizes, flags and times by their names."""
        self.assertEqual("1.5 MiB", text_of("database_bytes", 1_572_864))
        self.assertEqual("yes", text_of("locked", True))
        self.assertRegex(text_of("created_ms", 1_700_000_000_000), r"2023-11-1\d \d\d:\d\d:\d\d")
        self.assertEqual("", text_of("user_type", None))


class CommandTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        # Commands and server share this process, and what commands print is what is looked at.
        self.enterContext(capture_logs())
        self.server: Server = await start(parse_settings(QUICK, self.folder), reactor)
        self.addCleanup(self.server.stop)
        port = self.server.listeners.ports[0].getHost().port  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{port}"
        self.variables = {credentials.FILE_VARIABLE: str(self.folder / "login" / "admin.json")}
        patched = patch.dict("os.environ", self.variables)
        patched.start()
        self.addCleanup(patched.stop)
        for name in ("root", "alice"):
            await self.register(name)
        await self.server.database.write(users.set_admin, UserID("@root:localhost"), is_admin=True)

    async def register(self, name: str) -> None:
        body = {"username": name, "password": PASSWORD, "auth": {"type": "m.login.dummy"}, "inhibit_login": True}
        await deferToThread(AdminClient(self.url).ask, "POST", "/_matrix/client/v3/register", None, body)

    async def run_admin(self, *arguments: str, typed: str | None = None) -> Result:
        return await deferToThread(CliRunner().invoke, main, ["admin", *arguments], input=typed)

    async def done(self, *arguments: str, typed: str | None = None) -> str:
        result = await self.run_admin(*arguments, typed=typed)
        self.assertEqual(0, result.exit_code, result.output)
        return result.output

    async def answered(self, *arguments: str) -> Any:
        return json.loads(await self.done("--json", *arguments))

    async def log_in(self) -> None:
        await self.done("login", "--url", self.url, "--user", "root", "--password", PASSWORD)

    async def test_logging_in_and_out(self) -> None:
        """The login is kept where its owner alone reads it, and gone afterwards on both sides."""
        first = await self.run_admin("version")
        self.assertIn("Log in first", first.output)
        greeted = await self.done("login", typed=f"{self.url}\nroot\n{PASSWORD}\n")
        kept = credentials.load()
        assert kept is not None
        self.assertIn("You administer localhost", greeted)
        self.assertEqual(0o600, stat.S_IMODE(credentials.file().stat().st_mode))
        self.assertIn("localhost", await self.done("version"))
        await self.done("logout")

        self.assertFalse(credentials.file().exists())
        refused = await self.run_admin("--url", self.url, "--token", kept.token, "version")
        self.assertIn("not known", refused.output)

    async def test_who_does_not_administer_is_not_logged_in(self) -> None:
        """And no session is left behind."""
        result = await self.run_admin("login", "--url", self.url, "--user", "alice", "--password", PASSWORD)
        self.assertEqual(1, result.exit_code)
        self.assertIn("Only administrators", result.output)
        self.assertIsNone(credentials.load())
        await self.log_in()

        self.assertEqual(0, (await self.answered("devices", "list", "alice"))["total"])

    async def test_lists_are_tables_and_json(self) -> None:
        """Page by page, or whole."""
        await self.log_in()
        for number in range(5):
            await self.done("users", "create", f"user{number}", "--display-name", f"[bold]{number}")
        table = await self.done("users", "list", "--limit", "3")
        whole = await self.answered("users", "list", "--limit", "2", "--all")
        page = await self.answered("users", "list", "--limit", "2")

        self.assertIn("3 of 7", table)
        self.assertIn("@alice:localhost", table)
        self.assertEqual((7, 7), (len(whole["items"]), whole["total"]))
        self.assertEqual(2, len(page["items"]))
        self.assertIn("next_token", page)
        # What users call themselves is text, and no markup.
        self.assertIn("[bold]4", await self.done("users", "list", "--search", "user4"))

    async def test_accounts_are_changed(self) -> None:
        """By commands that say what they do."""
        await self.log_in()
        await self.done("users", "make-admin", "alice")
        self.assertTrue((await self.answered("users", "show", "alice"))["is_admin"])
        await self.done("users", "remove-admin", "@alice:localhost")
        await self.done("users", "lock", "alice")
        self.assertTrue((await self.answered("users", "show", "alice"))["locked"])
        await self.done("users", "unlock", "alice")
        await self.done("users", "suspend", "alice")
        shown = await self.answered("users", "show", "alice")
        self.assertEqual((False, True), (shown["locked"], shown["suspended"]))
        await self.done("users", "set-password", "alice", typed="another 1\nanother 1\n")
        await self.done("limits", "set", "alice", "--limits", '{"send": {"per_second": 1, "burst": 2}}')
        limits = await self.answered("limits", "show", "alice")
        self.assertEqual({"send": {"per_second": 1.0, "burst": 2}}, limits["limits"])
        listed = await self.answered("actions", "list", "--subject", "@alice:localhost")

        self.assertEqual(
            ["setLimits", "setPassword", "suspendUser", "lockUser", "lockUser", "editUser", "editUser"],
            [each["operation"] for each in listed["items"]],
        )

    async def test_what_is_hard_to_take_back_is_asked_before(self) -> None:
        """No is no; yes may be said beforehand."""
        await self.log_in()
        token = (await self.answered("tokens", "create", "--uses-allowed", "3"))["token"]
        refused = await self.run_admin("tokens", "delete", token, typed="n\n")
        self.assertEqual(1, refused.exit_code)
        self.assertEqual(1, (await self.answered("tokens", "list"))["total"])
        await self.done("tokens", "delete", token, typed="y\n")
        await self.done("users", "deactivate", "alice", "--erase", "--yes")

        self.assertEqual(0, (await self.answered("tokens", "list"))["total"])
        self.assertTrue((await self.answered("users", "show", "alice"))["erased"])

    async def test_everybody_is_told(self) -> None:
        """The command waits until all are, and says how many."""
        await self.log_in()
        told = await self.answered("notices", "send-all", "--yes", "--body", "hello")

        self.assertEqual(("done", {"sent": 2, "failed": 0}), (told["state"], told["result"]))

    async def test_errors_help(self) -> None:
        """Each says what is wrong, and ends with a status."""
        await self.log_in()
        for arguments, said in (
            (("users", "show", "nobody"), "There is no account @nobody:localhost"),
            (("users", "list", "--order-by", "mood"), "is not one of"),
            (("limits", "set", "alice", "--limits", "{"), "this is not JSON"),
            (("--url", "http://127.0.0.1:1", "--token", "x", "version"), "cannot be reached"),
            (("--url", "nonsense", "--token", "x", "version"), "nonsense"),
            (("--url", f"{self.url}/elsewhere", "--token", "x", "version"), "does not know this"),
            (("--token", "wrong", "version"), "folkmoot admin login"),
        ):
            with self.subTest(arguments=arguments):
                result = await self.run_admin(*arguments)

                self.assertNotEqual(0, result.exit_code)
                self.assertIn(said, result.output)
                self.assertNotIn("Traceback", result.output)
