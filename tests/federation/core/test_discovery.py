"""Tests of federation/core/discovery.py."""

from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from federation.core.discovery import (
    Destination,
    FetchWellKnown,
    ResolveSrv,
    Step,
    discover,
    order_by_priority,
    parse_well_known,
)
from homeserver.core.addresses import SrvRecord, Target
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed


def resolve(
    name: str, well_known: str | None = None, srv: dict[str, list[SrvRecord]] | None = None
) -> tuple[Destination, list[str]]:
    """Where *name* leads in a world with these answers, and what was asked on the way."""
    asked: list[str] = []
    step: Step = discover(ServerName(name))
    while not isinstance(step, Destination):
        if isinstance(step, FetchWellKnown):
            asked.append(step.host)
            step = step.answered(None if well_known is None else ServerName(well_known))
        else:
            asked.append(step.name)
            step = step.answered((srv or {}).get(step.name, []))
    return step, asked


class DiscoveryTests(TestCase):
    """The steps of the spec, one by one."""

    def test_ip_literals_are_used_as_they_are(self) -> None:
        """Step 1: no question is asked; the port is 8448 unless given; the certificate is for the address."""
        cases = {
            "192.0.2.7": Destination((Target("192.0.2.7", 8448),), "192.0.2.7", "192.0.2.7"),
            "192.0.2.7:99": Destination((Target("192.0.2.7", 99),), "192.0.2.7:99", "192.0.2.7"),
            "[2001:db8::1]": Destination((Target("2001:db8::1", 8448),), "[2001:db8::1]", "2001:db8::1"),
            "[2001:db8::1]:99": Destination((Target("2001:db8::1", 99),), "[2001:db8::1]:99", "2001:db8::1"),
        }
        for name, expected in cases.items():
            with self.subTest(name=name):
                self.assertEqual((expected, []), resolve(name))

    def test_an_explicit_port_ends_the_search(self) -> None:
        """Step 2: neither document nor SRV records are looked for."""
        expected = Destination((Target("a.example", 80),), "a.example:80", "a.example")

        self.assertEqual((expected, []), resolve("a.example:80", well_known="other.example"))

    def test_delegation_to_an_ip_literal(self) -> None:
        """Step 3.1: as for a server name that is one."""
        expected = Destination((Target("192.0.2.7", 8448),), "192.0.2.7", "192.0.2.7")

        self.assertEqual((expected, ["a.example"]), resolve("a.example", well_known="192.0.2.7"))

    def test_delegation_to_a_name_with_port(self) -> None:
        """Step 3.2: the Host header names the port, the certificate is for the delegated name."""
        expected = Destination((Target("b.example", 443),), "b.example:443", "b.example")

        self.assertEqual((expected, ["a.example"]), resolve("a.example", well_known="b.example:443"))

    def test_delegation_to_a_name_with_srv_records(self) -> None:
        """Steps 3.3 and 3.4: the registered service is preferred to the deprecated one."""
        new = {"_matrix-fed._tcp.b.example": [SrvRecord("h.example", 1234)]}
        old = {"_matrix._tcp.b.example": [SrvRecord("o.example", 4321)]}

        self.assertEqual(
            Destination((Target("h.example", 1234),), "b.example", "b.example"),
            resolve("a.example", "b.example", {**new, **old})[0],
        )
        self.assertEqual(
            Destination((Target("o.example", 4321),), "b.example", "b.example"),
            resolve("a.example", "b.example", old)[0],
        )

    def test_delegation_to_a_bare_name(self) -> None:
        """Step 3.5: port 8448 of the delegated name."""
        destination, asked = resolve("a.example", "b.example")

        self.assertEqual(Destination((Target("b.example", 8448),), "b.example", "b.example"), destination)
        self.assertEqual(["a.example", "_matrix-fed._tcp.b.example", "_matrix._tcp.b.example"], asked)

    def test_without_a_document_srv_records_of_the_name_itself(self) -> None:
        """Steps 4 to 6: the certificate is for the name, whatever host the record names."""
        records = {"_matrix-fed._tcp.a.example": [SrvRecord("h.example", 1234)]}

        self.assertEqual(
            Destination((Target("h.example", 1234),), "a.example", "a.example"), resolve("a.example", None, records)[0]
        )
        self.assertEqual(Destination((Target("a.example", 8448),), "a.example", "a.example"), resolve("a.example")[0])

    def test_a_record_to_the_root_means_no_service(self) -> None:
        """A server that says it offers none is not asked at its default port."""
        step = ResolveSrv("a.example").answered([SrvRecord(".", 0)])

        self.assertEqual(Destination((), "a.example", "a.example"), step)

    def test_what_is_no_server_name_is_refused(self) -> None:
        """No question is asked for nonsense, and no connection is made to it."""
        for name in (
            "",
            "a b",
            "a.example:",
            "a.example:0",
            "a.example:65536",
            "[12]",
            "[12]:80",
            "a.example/x",
            "é",
            "a..b",
            "a" * 64,
        ):
            with self.subTest(name=name), self.assertRaises(Malformed):
                discover(ServerName(name))

    def test_documents_that_are_none_are_refused(self) -> None:
        """Bad JSON values, missing properties and bad names all count as no document."""
        documents: list[Any] = [None, [], {}, {"m.server": 3}, {"m.server": "a b"}, {"m.server": "a:99999"}, "x"]
        for document in documents:
            with self.subTest(document=document), self.assertRaises(Malformed):
                parse_well_known(document)
        self.assertEqual("b.example:1", parse_well_known({"m.server": "b.example:1"}))


RECORDS = st.lists(
    st.builds(
        SrvRecord,
        st.text("abc", min_size=1),
        st.integers(1, 65535),
        st.integers(0, 3),
        st.integers(0, 10),
    )
)


class PriorityTests(TestCase):
    """The order of SRV records."""

    @given(RECORDS, st.lists(st.floats(0, 1, exclude_max=True)))
    def test_every_record_is_tried_once_by_priority(self, records: list[SrvRecord], dice: list[float]) -> None:
        """Whatever the dice say, a lower priority comes first and nothing is lost."""
        ordered = order_by_priority(records, dice)

        self.assertCountEqual(records, ordered)
        self.assertEqual(sorted(r.priority for r in records), [r.priority for r in ordered])

    def test_weights_share_the_chances(self) -> None:
        """Of two records with weights 1 and 3 the second comes first for three quarters of the throws."""
        light, heavy = SrvRecord("light", 1, 0, 1), SrvRecord("heavy", 1, 0, 3)
        firsts = [order_by_priority([heavy, light], [step / 100])[0] for step in range(100)]

        self.assertEqual(75, firsts.count(heavy))
