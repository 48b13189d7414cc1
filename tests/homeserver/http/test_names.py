"""Tests of homeserver/http/names.py."""

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns, error
from twisted.trial.unittest import SynchronousTestCase

from homeserver.core.addresses import SrvRecord
from homeserver.http.names import NEGATIVE_TTL_SECONDS, CachedNames
from homeserver.services.ports import PeerUnreachable


@define(eq=False)
class Zone:
    """A resolver of Twisted that knows what *records* say; an exception among them is raised."""

    records: dict[tuple[int, str], Any]
    asked: list[str] = field(factory=list)

    def lookupAddress(self, name: str, timeout: object = None) -> Deferred[Any]:
        return self._answer(dns.A, name)

    def lookupIPV6Address(self, name: str, timeout: object = None) -> Deferred[Any]:
        return self._answer(dns.AAAA, name)

    def lookupService(self, name: str, timeout: object = None) -> Deferred[Any]:
        return self._answer(dns.SRV, name)

    def _answer(self, kind: int, name: str) -> Deferred[Any]:
        self.asked.append(name)
        found = self.records.get((kind, name), error.DNSNameError())
        if isinstance(found, Exception):
            return fail(found)
        headers = [dns.RRHeader(name, payload.TYPE, ttl=ttl, payload=payload) for payload, ttl in found]
        return succeed((headers, [], []))


class NameTests(SynchronousTestCase):
    """What the DNS says."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.zone = Zone({})
        self.names = CachedNames(self.zone, self.clock)

    def addresses(self, host: str) -> tuple[str, ...]:
        return self.successResultOf(Deferred.fromCoroutine(self.names.addresses(host)))

    def services(self, name: str) -> tuple[SrvRecord, ...]:
        return self.successResultOf(Deferred.fromCoroutine(self.names.services(name)))

    def test_addresses_of_both_versions_take_turns(self) -> None:
        """Whichever network is broken, the other is tried soon."""
        self.zone.records = {
            (dns.A, "a.example"): [(dns.Record_A("192.0.2.1"), 60), (dns.Record_A("192.0.2.2"), 60)],
            (dns.AAAA, "a.example"): [(dns.Record_AAAA("2001:db8::1"), 60)],
        }

        self.assertEqual(("2001:db8::1", "192.0.2.1", "192.0.2.2"), self.addresses("a.example"))

    def test_one_version_is_enough(self) -> None:
        """A name server that fails for the other does no harm."""
        self.zone.records = {
            (dns.A, "a.example"): [(dns.Record_A("192.0.2.1"), 60)],
            (dns.AAAA, "a.example"): error.DNSServerError(),
        }

        self.assertEqual(("192.0.2.1",), self.addresses("A.example."))

    def test_a_name_without_addresses(self) -> None:
        """It is not reachable, and is not asked about again for a while."""
        self.failureResultOf(Deferred.fromCoroutine(self.names.addresses("a.example")), PeerUnreachable)
        asked = len(self.zone.asked)
        self.failureResultOf(Deferred.fromCoroutine(self.names.addresses("a.example")), PeerUnreachable)
        self.assertEqual(asked, len(self.zone.asked))

        self.clock.advance(NEGATIVE_TTL_SECONDS)
        self.failureResultOf(Deferred.fromCoroutine(self.names.addresses("a.example")), PeerUnreachable)
        self.assertEqual(2 * asked, len(self.zone.asked))

    def test_literals_and_this_machine_ask_nobody(self) -> None:
        """RFC 6761: localhost is always here."""
        self.assertEqual(("192.0.2.1",), self.addresses("192.0.2.1"))
        self.assertEqual(("2001:db8::1",), self.addresses("2001:db8::1"))
        self.assertIn("127.0.0.1", self.addresses("localhost"))
        self.assertEqual([], self.zone.asked)

    def test_answers_are_kept_as_long_as_they_say(self) -> None:
        """And no longer."""
        self.zone.records = {(dns.SRV, "_x._tcp.a"): [(dns.Record_SRV(1, 2, 3, "h.example"), 60)]}
        for _ in range(3):
            self.assertEqual((SrvRecord("h.example", 3, 1, 2),), self.services("_x._tcp.a"))
            self.clock.advance(59 / 3)
        self.assertEqual(1, len(self.zone.asked))

        self.clock.advance(2)
        self.services("_x._tcp.a")
        self.assertEqual(2, len(self.zone.asked))

    def test_a_failing_name_server_has_no_services(self) -> None:
        """Broken ones fail where there is no record; the certificate decides whom we talk to."""
        for failure in (error.DNSServerError(), error.ResolverError(), TimeoutError(), error.DNSNameError()):
            self.zone.records = {(dns.SRV, "_x._tcp.a"): failure}
            with self.subTest(failure=failure):
                self.assertEqual((), self.services("_x._tcp.a"))

    def test_the_cache_is_bounded(self) -> None:
        """What was asked longest ago is forgotten."""
        self.names.names_max = 2
        for name in "abc":
            self.services(name)
        self.services("c")
        self.services("a")

        self.assertEqual(["a", "b", "c", "a"], self.zone.asked)
