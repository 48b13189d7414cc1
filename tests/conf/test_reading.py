"""Settings are read strictly, and what is wrong is said so that an administrator can mend it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import TestCase

import yaml

from conf.reading import SettingsError, parse_settings, read_settings
from conf.settings import Settings

LABORATORY = """\
server_name: "127.0.0.1:8800"
public_baseurl: https://127.0.0.1:8800
data_dir: /var/lib/folkmoot
database: {url: "sqlite:////var/lib/folkmoot/folkmoot.db"}
listeners:
  - {bind: 127.0.0.1, port: 8008}
  - {bind: 127.0.0.1, port: 8800, tls: {certificate: tls.crt, private_key: tls.key}}
registration: {enabled: true, allow_guests: true, tokens_required: false}
passwords: {argon2_time_cost: 1, argon2_memory_kib: 8}
rate_limits: {enabled: false}
rooms: {default_version: "10"}
federation:
  ca_file: ca.crt
  allow_private_addresses: true
  trusted_key_servers: []
  retry: {min_seconds: 1, max_seconds: 5}
outbound: {verify_tls: false, allow_private_addresses: true}
appservices: [bridge.yaml]
email: {smtp_host: 127.0.0.1, smtp_port: 2525, tls: false, from: folkmoot@example.org}
presence: {enabled: true}
logging: {level: warning, file: folkmoot.log}
"""


def parsed(**tree: Any) -> Settings:
    return parse_settings(tree, Path("/etc/folkmoot"))


class GoodSettingsTests(TestCase):
    def test_every_name_that_laboratories_use_is_taken(self) -> None:
        """And says what it says; paths start at the folder of the file."""
        settings = parse_settings(yaml.safe_load(LABORATORY), Path("/etc/folkmoot"))

        self.assertEqual("127.0.0.1:8800", settings.server_name)
        self.assertEqual("https://127.0.0.1:8800", settings.baseurl)
        assert settings.database is not None
        self.assertEqual("sqlite:////var/lib/folkmoot/folkmoot.db", settings.database.url)
        plain, tls = settings.listeners
        self.assertIsNone(plain.tls)
        assert tls.tls is not None
        self.assertEqual(Path("/etc/folkmoot/tls.crt"), tls.tls.certificate)
        self.assertEqual((True, True), (settings.registration_is_open, settings.registration.allow_guests))
        self.assertEqual(8, settings.passwords.argon2_memory_kib)
        self.assertIs(False, settings.rate_limits.enabled)
        self.assertEqual("10", settings.rooms.default_version)
        self.assertEqual(Path("/etc/folkmoot/ca.crt"), settings.federation.ca_file)
        self.assertEqual((1, 5), (settings.federation.retry.min_seconds, settings.federation.retry.max_seconds))
        self.assertIs(False, settings.outbound.verify_tls)
        self.assertEqual((Path("/etc/folkmoot/bridge.yaml"),), settings.appservices)
        assert settings.email is not None
        self.assertEqual("folkmoot@example.org", settings.email.from_)
        self.assertEqual(
            ("warning", Path("/etc/folkmoot/folkmoot.log")), (settings.logging.level, settings.logging.file)
        )

    def test_without_a_file_everything_is_here_and_now(self) -> None:
        """SQLite in a folder of its own, one local listener, and accounts for whoever asks."""
        settings = parsed()

        assert settings.database is not None
        self.assertEqual("sqlite:////etc/folkmoot/folkmoot-data/folkmoot.db", settings.database.url)
        self.assertEqual("http://127.0.0.1:8008", settings.baseurl)
        self.assertEqual("localhost", settings.server_name)
        self.assertTrue(settings.registration_is_open)

    def test_accounts_are_for_whoever_asks_only_while_trying_out(self) -> None:
        """A server with a real name waits until its administrator says so."""
        for name, is_open in (
            ("localhost", True),
            ("localhost:8008", True),
            ("127.0.0.1:8008", True),
            ("[::1]:8008", True),
            ("192.0.2.1", False),
            ("example.org", False),
            ("localhost.example.org", False),
        ):
            with self.subTest(server_name=name):
                self.assertIs(is_open, parsed(server_name=name).registration_is_open)

    def test_paths_of_databases_are_paths_like_others(self) -> None:
        """Relative to the folder of the file; of other databases nothing is touched."""
        local, remote = parsed(database={"url": "sqlite:///x.db"}), parsed(database={"url": "postgresql://u:p@h/n"})
        assert local.database is not None
        assert remote.database is not None

        self.assertEqual("sqlite:////etc/folkmoot/x.db", local.database.url)
        self.assertEqual("postgresql://u:p@h/n", remote.database.url)

    def test_a_section_of_comments_is_empty(self) -> None:
        """As when all lines below its name are commented out."""
        self.assertEqual(parsed(), parsed(http=None, email=None))

    def test_addresses_of_listeners_can_be_typed_into_a_browser(self) -> None:
        """IPv6 in brackets; everywhere is here."""
        for bind, url in (("::1", "http://[::1]:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1")):
            with self.subTest(bind=bind):
                self.assertEqual(url, parsed(listeners=[{"port": 1, "bind": bind}]).baseurl)


class BadSettingsTests(TestCase):
    def problems(self, **tree: Any) -> list[str]:
        with self.assertRaises(SettingsError) as caught:
            parsed(**tree)
        return caught.exception.problems

    def test_an_unknown_key_is_named_with_the_nearest_that_there_is(self) -> None:
        """At any depth, with its full path and all that is allowed."""
        (top,) = self.problems(server_nme="x")
        (deep,) = self.problems(
            listeners=[{"port": 1, "tls": {"certificat": "a", "private_key": "b", "certificate": "c"}}]
        )

        self.assertTrue(top.startswith("server_nme: is not a setting. Did you mean server_name? Here may stand: "))
        self.assertEqual(
            "listeners[0].tls.certificat: is not a setting. Did you mean certificate? "
            "Here may stand: certificate, private_key.",
            deep,
        )

    def test_a_wrong_value_is_named_with_what_is_allowed(self) -> None:
        """With the full path, and the value."""
        for tree, problem in (
            ({"server_name": 3}, "server_name: must be text; put 3 in quotes."),
            ({"server_name": "a b"}, "server_name: 'a b' is not a server name."),
            ({"rooms": {"default_version": 10}}, "rooms.default_version: must be text; put 10 in quotes."),
            ({"listeners": [{"port": "1"}]}, "listeners[0].port: must be a whole number, not '1'."),
            ({"listeners": [{"port": True}]}, "listeners[0].port: must be a whole number, not True."),
            ({"listeners": [{}]}, "listeners[0].port: is required."),
            ({"listeners": {"port": 1}}, "listeners: must be a list, not {'port': 1}."),
            ({"registration": {"enabled": "yes"}}, "registration.enabled: must be true or false, not 'yes'."),
            ({"presence": True}, "presence: must be a section of settings (enabled, users_max), not True."),
            ({"http": {"idle_seconds": "1"}}, "http.idle_seconds: must be a number, not '1'."),
            ({"logging": {"level": "loud"}}, "logging.level: must be one of debug, info, warning, error, not 'loud'."),
            ({"email": {"smtp_host": "x"}}, "email.from: is required."),
            ({"support": {"contacts": [{"matrix_id": "x"}]}}, "support.contacts[0].matrix_id: 'x' is not a user ID."),
        ):
            with self.subTest(tree=tree):
                self.assertEqual([problem], self.problems(**tree))

    def test_bounds_are_said(self) -> None:
        """What the class of settings itself refuses, with where it stands."""
        for tree, path, text in (
            ({"listeners": [{"port": 70000}]}, "listeners[0]: ", "'port' must be <= 65535"),
            ({"listeners": []}, "", "listeners must name at least one address"),
            ({"rooms": {"default_version": "99"}}, "rooms: ", "default_version must be one of 1, 2"),
            ({"public_baseurl": "example.org"}, "", "public_baseurl must start with https://"),
            ({"support": {"contacts": [{}]}}, "support.contacts[0]: ", "a contact needs"),
        ):
            with self.subTest(tree=tree):
                (problem,) = self.problems(**tree)
                self.assertTrue(problem.startswith(path + text), problem)

    def test_everything_is_said_at_once(self) -> None:
        """One run, and all of it can be mended."""
        problems = self.problems(a=1, b=2, listeners=[{"x": 1}, {"port": "y"}], logging={"level": 1})

        self.assertEqual(6, len(problems))


class SourcesTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "folkmoot.yaml"

    def problem(self, environment: dict[str, str] | None = None) -> str:
        with self.assertRaises(SettingsError) as caught:
            read_settings(self.file, environment or {})
        (problem,) = caught.exception.problems
        return problem

    def test_a_file(self) -> None:
        """Paths start beside it."""
        self.file.write_text("data_dir: data\n")

        self.assertEqual(self.file.resolve().parent / "data", read_settings(self.file, {}).data_dir)

    def test_an_empty_file_says_nothing(self) -> None:
        """It is as if there were none."""
        self.file.write_text("# nothing yet\n")

        self.assertEqual("localhost", read_settings(self.file, {}).server_name)

    def test_files_that_cannot_be_used(self) -> None:
        """Each with the reason, and the line where there is one."""
        self.assertIn("cannot be read: No such file", self.problem())
        self.file.write_text("a: [1\nb: 2\n")
        self.assertIn("line 2, column 2 is not YAML", self.problem())
        self.file.write_text("- a\n")
        self.assertIn("must hold settings", self.problem())
        self.file.write_bytes(b"a: \xff\n")
        self.assertIn("UTF-8", self.problem())

    def test_the_environment_goes_first(self) -> None:
        """At any depth, as YAML; what has another prefix is not ours."""
        self.file.write_text("rooms: {default_version: '9'}\nserver_name: a.example\n")
        environment = {
            "FOLKMOOT__ROOMS__DEFAULT_VERSION": "'11'",
            "FOLKMOOT__FEDERATION__RETRY__MIN_SECONDS": "2",
            "FOLKMOOT__LISTENERS": "[{port: 99}]",
            "FOLKMOOT_TEST": "x",
        }
        settings = read_settings(self.file, environment)

        self.assertEqual(("11", "a.example"), (settings.rooms.default_version, settings.server_name))
        self.assertEqual((2, 99), (settings.federation.retry.min_seconds, settings.listeners[0].port))

    def test_the_environment_is_as_strict_as_the_file(self) -> None:
        """Unknown names, what is no YAML, and sections that are none."""
        self.file.write_text("server_name: a.example\n")

        self.assertIn("rooms.version: is not a setting", self.problem({"FOLKMOOT__ROOMS__VERSION": "1"}))
        self.assertIn("FOLKMOOT__ROOMS is not YAML", self.problem({"FOLKMOOT__ROOMS": "{"}))
        self.assertIn("server_name, which is no section", self.problem({"FOLKMOOT__SERVER_NAME__X": "1"}))
