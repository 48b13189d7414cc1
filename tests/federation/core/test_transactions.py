"""Tests of federation/core/transactions.py."""

from typing import Any
from unittest import TestCase

from federation.core.transactions import Transaction, parse_transaction
from homeserver.core.malformed import Malformed

GOOD: dict[str, Any] = {"origin": "one.example", "origin_server_ts": 5, "pdus": [{}]}


class TransactionTests(TestCase):
    """The envelope of PDUs and EDUs."""

    def test_edus_may_be_absent(self) -> None:
        """The spec lets them be omitted; PDUs not."""
        self.assertEqual(Transaction("one.example", 5, ({},), ()), parse_transaction(GOOD))  # type: ignore[arg-type]

    def test_limits(self) -> None:
        """50 PDUs and 100 EDUs pass, one more of either does not.  Spec: server-server-api#transactions"""
        parse_transaction({**GOOD, "pdus": [{}] * 50, "edus": [{}] * 100})

        cases: tuple[dict[str, Any], ...] = ({"pdus": [{}] * 51}, {"edus": [{}] * 101})
        for wrong in cases:
            with self.subTest(wrong=list(wrong)), self.assertRaises(Malformed):
                parse_transaction({**GOOD, **wrong})

    def test_what_is_no_object_stops_none_of_the_others(self) -> None:
        """A transaction is answered with 200 whatever one of its entries is."""
        parsed = parse_transaction({**GOOD, "pdus": [3, {"depth": 1}, "x"], "edus": [None, {}]})

        self.assertEqual(({"depth": 1},), parsed.pdus)
        self.assertEqual(({},), parsed.edus)

    def test_wrong_types_are_refused(self) -> None:
        """Each field has one type."""
        cases: tuple[dict[str, Any], ...] = (
            {"origin": 3},
            {"origin_server_ts": "5"},
            {"origin_server_ts": True},
            {"pdus": {}},
            {"pdus": None},
            {"edus": {}},
        )
        for wrong in cases:
            with self.subTest(wrong=wrong), self.assertRaises(Malformed):
                parse_transaction({**GOOD, **wrong})
