"""Every refusal has its place in the one table."""

from unittest import TestCase

import orjson

from homeserver.core.interactive_auth import Challenge
from homeserver.core.malformed import Malformed
from homeserver.http.errors import REFUSALS, error_answer, refused
from homeserver.services import refusals as r
from homeserver.services.ports import PeerFault, PeerUnreachable


def all_subclasses(class_: type[Exception]) -> set[type[Exception]]:
    """Of our own code, at any depth."""
    direct = {each for each in class_.__subclasses__() if each.__module__.partition(".")[0] != "tests"}
    return direct.union(*(all_subclasses(each) for each in direct))


# Spec: client-server-api#post_matrixclientv1appserviceappserviceidping; what asks is the one who is at fault.
# Spec: server-server-api#put_matrixfederationv2inviteroomideventid; so are two servers at odds.
AS_THE_SPEC_SAYS = {r.PingFailed, r.PingTimedOut, r.PingRefused, r.Misunderstood}

# The server's own mail server does not do its work.
OUR_OWN_FAULTS = {r.MailNotSent}


class TableTests(TestCase):
    def test_every_refusal_is_in_the_table(self) -> None:
        """None falls back to what a refusal in general is."""
        missing = [class_.__name__ for class_ in all_subclasses(r.Refusal) if class_ not in REFUSALS]

        self.assertEqual([], sorted(missing))

    def test_statuses_and_codes_are_of_the_spec(self) -> None:
        """Refusals are the client's affair or a peer's; 5xx is for our own faults alone."""
        for class_, (status, code) in REFUSALS.items():
            with self.subTest(refusal=class_.__name__):
                self.assertTrue(400 <= status < 500 or class_ in AS_THE_SPEC_SAYS | OUR_OWN_FAULTS)
                self.assertTrue(code.startswith(("M_", "IO.ELEMENT.MSC")))

    def test_a_refusal_that_is_not_named_is_what_it_derives_from(self) -> None:
        """A service may refine one for itself."""

        class Especially(r.NotInRoom):
            pass

        self.assertEqual(403, refused(Especially()).code)


class BodiesTests(TestCase):
    def test_too_soon_says_when(self) -> None:
        """Spec: client-server-api#rate-limiting: in the header, rounded up, and in the body."""
        answer = refused(r.TooSoon(1500))

        self.assertEqual((429, ((b"Retry-After", b"2"),)), (answer.code, answer.headers))
        self.assertEqual(1500, orjson.loads(answer.body)["retry_after_ms"])

    def test_a_soft_logout_is_told(self) -> None:
        """Only where it is one."""
        self.assertIs(True, orjson.loads(refused(r.UnknownToken(soft=True)).body)["soft_logout"])
        self.assertNotIn("soft_logout", orjson.loads(refused(r.UnknownToken()).body))

    def test_the_version_of_a_room_is_told(self) -> None:
        """To the server that does not know it."""
        self.assertEqual("11", orjson.loads(refused(r.IncompatibleVersion("11")).body)["room_version"])

    def test_interactive_authentication_has_a_body_of_its_own(self) -> None:
        """Spec: client-server-api#user-interactive-api-in-the-rest-api"""
        answer = refused(r.InteractiveAuthRequired(Challenge("s", (("m.login.dummy",),))))

        self.assertEqual(401, answer.code)
        self.assertEqual([{"stages": ["m.login.dummy"]}], orjson.loads(answer.body)["flows"])

    def test_malformed_input_says_where(self) -> None:
        """The path is part of the sentence."""
        answer = refused(Malformed("This must be a string.", "a.b"))

        self.assertEqual(400, answer.code)
        self.assertEqual({"errcode": "M_BAD_JSON", "error": "a.b: This must be a string."}, orjson.loads(answer.body))

    def test_peers_are_named_and_their_words_are_not(self) -> None:
        """What another server says is not for our clients."""
        fault = refused(PeerFault("evil.example", 400, "M_<script>"))
        unreachable = refused(PeerUnreachable("gone.example", "connection refused"))

        self.assertEqual((404, 404), (fault.code, unreachable.code))
        self.assertIn(b"evil.example", fault.body)
        self.assertNotIn(b"script", fault.body)

    def test_what_has_no_utf8_is_still_answered(self) -> None:
        """A lone surrogate in a complaint."""
        self.assertIn(b"M_X", error_answer(400, "M_X", "\ud800").body)
