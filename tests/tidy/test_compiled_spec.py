"""The generated table of operations is what the specification says today."""

from unittest import TestCase, skipUnless

from homeserver.http.rows import Authentication
from homeserver.http.spec import CLIENT, SERVER
from scripts.compile_spec import SPEC, TARGET, render


class CompiledSpecTests(TestCase):
    @skipUnless(SPEC.is_dir(), "THE TABLE OF OPERATIONS IS NOT COMPARED: there is no matrix-spec beside the project")
    def test_the_table_is_fresh(self) -> None:
        """``python -m scripts.compile_spec`` would change nothing."""
        self.assertEqual(render(SPEC), TARGET.read_text(), "run python -m scripts.compile_spec")

    def test_every_operation_is_there(self) -> None:
        """The specification has 166 operations for clients and 36 for servers."""
        self.assertEqual((166, 36), (len(CLIENT), len(SERVER)))

    def test_what_the_spec_protects_is_protected(self) -> None:
        """Operations of rooms want an access token, and of servers a signature."""
        self.assertIs(Authentication.ACCESS_TOKEN, CLIENT["sendMessage"].authentication)
        self.assertIs(Authentication.OPTIONAL_ACCESS_TOKEN, CLIENT["getVersions"].authentication)
        self.assertIs(Authentication.NONE, CLIENT["login"].authentication)
        self.assertIs(Authentication.SERVER_SIGNATURE, SERVER["sendTransaction"].authentication)
        self.assertIs(Authentication.SERVER_SIGNATURE, SERVER["getEventByTimestamp"].authentication)
