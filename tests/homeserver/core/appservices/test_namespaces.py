"""Which names are in a namespace, and which expressions make none."""

from time import process_time
from unittest import TestCase

from homeserver.core.appservices.namespaces import REGEX_LENGTH_MAX, Namespace, holds, holds_exclusively
from homeserver.core.malformed import Malformed


class NamespaceTests(TestCase):
    def test_names_begin_as_the_expression_says(self) -> None:
        """As in the spec's own example; an expression may say where a name ends."""
        bridge = Namespace("@_irc_bridge_.*", exclusive=True)
        ended = Namespace(r"^@_irc_[a-z]+:example\.org$", exclusive=True)

        self.assertTrue(bridge.holds("@_irc_bridge_ann:example.org"))
        self.assertFalse(bridge.holds("@alice_@_irc_bridge_:example.org"))
        self.assertTrue(ended.holds("@_irc_ann:example.org"))
        self.assertFalse(ended.holds("@_irc_ann:example.org.uk"))

    def test_posix_classes(self) -> None:
        """The spec says POSIX, and Python's expressions lack its classes."""
        self.assertTrue(Namespace("@_[[:digit:]]+:x", exclusive=False).holds("@_42:x"))
        self.assertFalse(Namespace("@_[[:digit:]]+:x", exclusive=False).holds("@_a:x"))

    def test_exclusive_or_not(self) -> None:
        """Only exclusive namespaces keep others out."""
        both = (Namespace("@a.*", exclusive=False), Namespace("@b.*", exclusive=True))

        self.assertEqual((True, False), (holds(both, "@a:x"), holds_exclusively(both, "@a:x")))
        self.assertEqual((True, True), (holds(both, "@b:x"), holds_exclusively(both, "@b:x")))
        self.assertEqual((False, False), (holds(both, "@c:x"), holds_exclusively(both, "@c:x")))

    def test_expressions_that_would_take_forever(self) -> None:
        """A repetition within a repetition is refused, wherever it hides; what only looks like one is not."""
        for regex in ("@(a+)+", "@(a*)*b", "@((a|b)*x?)+", "@(x{2,})*", "@(?:a+)+$", r"@(\w+\.)*x", "@([)]+)+"):
            with self.subTest(regex=regex), self.assertRaises(Malformed):
                Namespace(regex, exclusive=True)
        for regex in ("@(a+)b+", r"@(a\+)+", "@([+*]x)+", "@(a{2,5})+", "@(irc|slack)_.*", "@[]*+]+x"):
            with self.subTest(regex=regex):
                self.assertFalse(Namespace(regex, exclusive=True).holds("alice"))

    def test_broken_and_endless_expressions(self) -> None:
        """They are refused, and say why."""
        for regex in ("@(", "@[a", "@*+*", "@" + "a" * REGEX_LENGTH_MAX, "@a{99999999999999999999}"):
            with self.subTest(regex=regex[:20]), self.assertRaises(Malformed):
                Namespace(regex, exclusive=True)

    def test_names_that_are_longer_than_any_name(self) -> None:
        """They are in no namespace, and take no time."""
        namespace = Namespace("@.*_.*_.*x", exclusive=True)
        began = process_time()

        self.assertFalse(namespace.holds("@" + "_" * 100_000))
        self.assertLess(process_time() - began, 0.1)
