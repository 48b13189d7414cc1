"""The command, as an administrator meets it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from click.testing import CliRunner, Result

from conf.reading import read_settings
from federation.services.signing_key import load_own_keys
from scripts.main import main


class CommandTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "folkmoot.yaml"

    def run_command(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    def test_every_command_explains_itself(self) -> None:
        """Without a word about how it is made."""
        self.assertIn("folkmoot serve", self.run_command("--help").output)
        for name, command in main.commands.items():
            with self.subTest(command=name):
                result = self.run_command(name, "--help")

                self.assertEqual(0, result.exit_code)
                self.assertGreater(len(command.help or ""), 20)

    def test_what_settings_prints_is_good(self) -> None:
        """The sample file passes its own check."""
        self.file.write_text(self.run_command("settings").output)
        result = self.run_command("check-config", str(self.file))

        self.assertEqual(0, result.exit_code, result.output)
        self.assertIn("is good", result.output)

    def test_registrations_of_application_services_are_looked_into(self) -> None:
        """With the file and the key that are wrong."""
        self.file.write_text("appservices: [bridge.yaml]\n")
        self.file.with_name("bridge.yaml").write_text("id: bridge\nurl: null\n")
        result = self.run_command("check-config", str(self.file))

        self.assertEqual(2, result.exit_code)
        self.assertIn("bridge.yaml: as_token: this is required.", result.output)

    def test_bad_settings_end_every_command_that_reads_them(self) -> None:
        """With what is wrong, and a status of its own."""
        self.file.write_text("server_nme: x\nlisteners: 3\n")
        for arguments in (("check-config", str(self.file)), ("serve", "--config", str(self.file))):
            with self.subTest(command=arguments[0]):
                result = self.run_command(*arguments)

                self.assertEqual(2, result.exit_code)
                self.assertIn("server_nme: is not a setting. Did you mean server_name?", result.output)
                self.assertIn("listeners: must be a list", result.output)

    def test_a_key_is_rotated(self) -> None:
        """The old one stays known; before a first start there is none to rotate."""
        self.file.write_text("server_name: example.org\ndata_dir: there\n")
        early = self.run_command("rotate-key", "--config", str(self.file))
        before = load_own_keys(self._data_dir())
        result = self.run_command("rotate-key", "--config", str(self.file))
        after = load_own_keys(self._data_dir())

        self.assertEqual((1, 0), (early.exit_code, result.exit_code), result.output)
        self.assertIn("the first start makes one", early.output)
        self.assertIn(f"signs with {after.current.key_id}.", result.output)
        self.assertEqual([before.current.key_id], list(after.retired))

    def _data_dir(self) -> Path:
        folder = read_settings(self.file, {}).data_dir
        folder.mkdir(exist_ok=True)
        return folder

    def test_version(self) -> None:
        """One line."""
        self.assertTrue(self.run_command("version").output.startswith("Folkmoot "))
