"""Tests of federation/services/key_ring.py, known_keys.py and notary.py."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from federation.core.key_validity import DAY_MS, publish_keys
from federation.services.key_ring import CHECKS_AT_ONCE, KeyRing
from federation.services.known_keys import KnownKeys
from federation.services.notary import SERVERS_MAX, Notary
from federation.services.settings import RetrySettings
from federation.services.signing_key import OwnKeys, RetiredKey
from homeserver.core.canonical import JSONObject
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.identifiers import ServerName
from homeserver.core.signatures import SigningKey, is_signed_by, sign_json
from homeserver.core.verdicts import ALLOWED, Denied
from homeserver.services.clock import now_ms
from homeserver.services.ports import PeerUnreachable
from homeserver.services.refusals import InvalidParameter
from tests.builders import ALICE, BOB, START_MS, a_room, signing_key
from tests.databases import DatabaseCase, each_database

ONE, TWO, THREE = ServerName("one.example"), ServerName("two.example"), ServerName("three.example")
NOTARY = ServerName("notary.example")
NEW = SigningKey.from_seed("ed25519:new", b"n" * 32)


@define(eq=False)
class World:
    """The servers that answer for keys, and what they were asked."""

    documents: dict[ServerName, JSONObject] = field(factory=dict)
    notarized: dict[ServerName, list[JSONObject]] = field(factory=dict)
    fetched: list[ServerName] = field(factory=list)
    queried: list[tuple[ServerName, Mapping[ServerName, Mapping[str, int]]]] = field(factory=list)
    gate: "Deferred[None] | None" = None

    async def fetch_server_keys(self, server: ServerName) -> JSONObject:
        self.fetched.append(server)
        if self.gate is not None:
            waiter: Deferred[None] = Deferred()
            self.gate.addCallback(lambda _: waiter.callback(None))
            await waiter
        if server not in self.documents:
            raise PeerUnreachable(server, "nobody")
        return self.documents[server]

    async def query_keys(
        self, notary: ServerName, wanted: Mapping[ServerName, Mapping[str, int]]
    ) -> Sequence[JSONObject]:
        self.queried.append((notary, wanted))
        if notary not in self.notarized:
            raise PeerUnreachable(notary, "nobody")
        return self.notarized[notary]


def event_by(user: Any, version: str = "10", key: SigningKey | None = None, **changes: Any) -> Event:
    """An event of *user*, signed with *key* (else that of the builders)."""
    event = a_room(version).with_member(BOB).event("m.room.message", {"body": "x"}, sender=user)
    if changes:
        pdu = {**event.pdu, **changes, "signatures": {}}
        event = evolve(event, pdu=pdu, origin_server_ts=changes.get("origin_server_ts", event.origin_server_ts))
        server = ServerName(user.partition(":")[2])
        event = sign_event(event, server, key or signing_key(server))
    return event


class KeyRingCase(DatabaseCase):
    """A key ring of one.example with a database, in a world of other servers."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.clock.advance(START_MS / 1000 + 1000)
        self.world = World()
        self.begin()

    def begin(self, *trusted: ServerName) -> None:
        """Nothing is in memory."""
        self.known = KnownKeys(
            self.database, self.clock, self.world, trusted, RetrySettings(1, 8), lambda: 0.5, servers_max=10
        )
        retired = {"ed25519:old": RetiredKey(NEW.verify_key, START_MS)}
        self.ring = KeyRing(ONE, OwnKeys(signing_key(ONE), retired), self.known, self.clock)
        self.notary = Notary(self.ring, self.database)

    def publish(self, server: ServerName, key: SigningKey | None = None, **more: Any) -> JSONObject:
        """*server* answers with its keys from now on."""
        key = key or signing_key(server)
        until_ms = more.pop("until_ms", now_ms(self.clock) + DAY_MS)
        document = publish_keys(server, key, more.pop("retired", {}), until_ms)
        self.world.documents[server] = document
        return document

    def signed(self, server: ServerName, key: SigningKey | None = None) -> JSONObject:
        return sign_json({"a": 1}, server, key or signing_key(server))

    async def verify(self, signed: JSONObject, server: ServerName = TWO) -> Any:
        return await self.ring.verify_json_object(server, signed, now_ms(self.clock))


@each_database
class KeyRingTests(KeyRingCase):
    """Whether servers have signed what they seem to."""

    async def test_a_key_is_fetched_once(self) -> None:
        """Then it is in memory, and after a restart in the store."""
        self.publish(TWO)
        for _ in range(3):
            self.assertEqual(ALLOWED, await self.verify(self.signed(TWO)))
        self.begin()
        self.assertEqual(ALLOWED, await self.verify(self.signed(TWO)))

        self.assertEqual([TWO], self.world.fetched)

    async def test_those_who_need_a_key_at_once_share_the_fetch(self) -> None:
        """A hundred events of a server cost one request."""
        self.publish(TWO)
        gate: Deferred[None] = Deferred()
        self.world.gate = gate
        checks = [Deferred.fromCoroutine(self.verify(self.signed(TWO))) for _ in range(10)]
        gate.callback(None)

        self.assertEqual([ALLOWED] * 10, await gatherResults(checks))
        self.assertEqual([TWO], self.world.fetched)

    async def test_false_signatures_are_denied(self) -> None:
        """Altered, unsigned, by another's key, under another's name."""
        self.publish(TWO)
        altered = {**self.signed(TWO), "a": 2}
        cases: dict[str, list[JSONObject]] = {
            "signature.invalid": [altered, sign_json({"a": 1}, TWO, evolve(signing_key(TWO), secret=NEW._secret))],
            "signature.missing": [{"a": 1}, self.signed(ONE)],
            "signature.unknown_key": [self.signed(TWO, NEW)],
        }
        for rule, objects in cases.items():
            for signed in objects:
                with self.subTest(rule=rule):
                    self.assertEqual(Denied(rule), await self.verify(signed))

    async def test_false_key_names_do_not_cause_floods_or_deafness(self) -> None:
        """Strangers who name unknown keys cost one fetch in the least wait; a new key is found right after it."""
        self.publish(TWO)
        for _ in range(50):
            self.assertEqual(Denied("signature.unknown_key"), await self.verify(self.signed(TWO, NEW)))
        self.assertEqual(1, len(self.world.fetched))
        self.publish(TWO, NEW)
        self.clock.advance(1)

        self.assertEqual(ALLOWED, await self.verify(self.signed(TWO, NEW)))

    async def test_a_silent_server_is_asked_ever_less_often(self) -> None:
        """Up to the longest wait of the settings."""
        for _ in range(60):
            self.assertFalse(await self.verify(self.signed(TWO)))
            self.clock.advance(1)

        self.assertEqual(10, len(self.world.fetched))

    async def test_a_request_needs_a_key_that_is_good_now(self) -> None:
        """A key past its time is fetched afresh; a retired one signs no requests."""
        self.publish(TWO, until_ms=now_ms(self.clock) + 1000)
        self.assertEqual(ALLOWED, await self.verify(self.signed(TWO)))
        self.clock.advance(2)
        self.publish(TWO)
        self.assertEqual(ALLOWED, await self.verify(self.signed(TWO)))
        self.assertEqual(2, len(self.world.fetched))

        self.clock.advance(2 * DAY_MS / 1000)
        old = signing_key(TWO)
        self.publish(TWO, NEW, retired={old.key_id: (old.verify_key, now_ms(self.clock) - 1)})
        self.assertFalse(await self.verify(self.signed(TWO)))
        self.assertEqual(ALLOWED, await self.verify(self.signed(TWO, NEW)))

    async def test_our_own_signature_needs_nobody(self) -> None:
        """Nor does that of a key we retired, on what is older."""
        self.assertEqual(ALLOWED, await self.verify(self.signed(ONE), ONE))
        old = SigningKey.from_seed("ed25519:old", b"n" * 32)
        before = await self.ring.verify_json_object(ONE, self.signed(ONE, old), START_MS)

        self.assertEqual(ALLOWED, before)
        self.assertFalse(await self.verify(self.signed(ONE, old), ONE))
        self.assertEqual([], self.world.fetched)

    async def test_keys_of_another_name_are_not_believed(self) -> None:
        """A server that answers with a third one's keys teaches nothing about either."""
        self.world.documents[TWO] = self.publish(THREE)
        del self.world.documents[THREE]

        self.assertFalse(await self.verify(self.signed(TWO)))
        self.assertFalse(await self.verify(self.signed(THREE), THREE))


@each_database
class EventTests(KeyRingCase):
    """Signatures of events."""

    async def test_events_are_verified_together(self) -> None:
        """In their order, with one fetch for each server, however many there are."""
        self.publish(TWO)
        good = event_by(BOB)
        bad = evolve(good, pdu={**good.pdu, "depth": 99})
        many = [good, bad, event_by(ALICE)] * CHECKS_AT_ONCE
        checking = Deferred.fromCoroutine(self.ring.verify_events(many))
        while not checking.called:
            await self.database.write(lambda tx: None)
            self.clock.advance(0)

        self.assertEqual([ALLOWED, Denied("signature.invalid"), ALLOWED] * CHECKS_AT_ONCE, await checking)
        self.assertEqual([TWO], self.world.fetched)

    async def test_the_key_must_be_believed_at_the_time_of_the_event(self) -> None:
        """Since version 5; before, only retirement counts.  Spec: rooms/v5#signing-key-validity-period"""
        self.publish(TWO)
        late = now_ms(self.clock) + 2 * DAY_MS

        self.assertFalse(await self.ring.verify_event(event_by(BOB, "10", origin_server_ts=late)))
        self.assertEqual(ALLOWED, await self.ring.verify_event(event_by(BOB, "4", origin_server_ts=late)))

    async def test_a_retired_key_still_stands_under_what_it_signed(self) -> None:
        """But not under what came later."""
        old = signing_key(TWO)
        self.publish(TWO, NEW, retired={old.key_id: (old.verify_key, START_MS + DAY_MS)})

        self.assertEqual(ALLOWED, await self.ring.verify_event(event_by(BOB)))
        later = event_by(BOB, origin_server_ts=START_MS + DAY_MS + 1)
        self.assertFalse(await self.ring.verify_event(later))


@each_database
class NotaryTests(KeyRingCase):
    """Key servers, asked and being asked."""

    async def test_a_trusted_key_server_is_asked_when_the_server_is_silent(self) -> None:
        """With the time until which the key must be good; both signatures are checked."""
        self.begin(THREE, NOTARY)
        self.publish(NOTARY)
        document = self.publish(TWO)
        del self.world.documents[TWO]
        self.world.notarized[NOTARY] = [sign_json(document, NOTARY, signing_key(NOTARY))]

        self.assertEqual(ALLOWED, await self.verify(self.signed(TWO)))
        self.assertEqual([THREE, NOTARY], [notary for notary, _ in self.world.queried])
        self.assertEqual({TWO: {"ed25519:test": now_ms(self.clock)}}, self.world.queried[1][1])

    async def test_what_a_key_server_has_not_signed_is_not_believed(self) -> None:
        """Nor what it was not asked for, nor what the server itself has not signed."""
        self.begin(NOTARY)
        self.publish(NOTARY)
        document = self.publish(TWO)
        other = self.publish(THREE)
        self.world.documents = {NOTARY: self.world.documents[NOTARY]}
        forged = sign_json({**document, "valid_until_ts": 2**50}, NOTARY, signing_key(NOTARY))
        self.world.notarized[NOTARY] = [
            document,
            sign_json(document, NOTARY, NEW),
            forged,
            sign_json(other, NOTARY, signing_key(NOTARY)),
        ]

        self.assertFalse(await self.verify(self.signed(TWO)))
        self.assertEqual({THREE: {}}, await self.known.known([THREE]))

    async def test_we_hand_on_what_a_server_publishes(self) -> None:
        """With our signature beside its own; nothing of those who have never answered."""
        self.publish(TWO)
        [document] = await self.notary.query({TWO: {}, THREE: {}})

        self.assertTrue(is_signed_by(document, TWO, "ed25519:test", signing_key(TWO).verify_key))
        self.assertTrue(is_signed_by(document, ONE, "ed25519:test", signing_key(ONE).verify_key))

    async def test_a_document_is_kept_for_half_its_lifetime(self) -> None:
        """Then it is fetched again, and if the server is silent the last is handed on.  Spec: getServerKey"""
        self.publish(TWO)
        for hours, fetches in ((0, 1), (11, 1), (2, 2)):
            self.clock.advance(hours * 3600)
            self.assertEqual(1, len(await self.notary.query({TWO: {"": None}})))
            self.assertEqual(fetches, len(self.world.fetched))
        self.world.documents.clear()
        self.clock.advance(100 * 3600)

        self.assertEqual(1, len(await self.notary.query({TWO: {}})))

    async def test_an_unknown_key_or_a_later_time_makes_us_ask(self) -> None:
        """The notary refreshes what does not meet the criteria."""
        self.publish(TWO)
        await self.notary.query({TWO: {"ed25519:test": None}})
        self.assertEqual(1, len(self.world.fetched))
        await self.notary.query({TWO: {"ed25519:new": None}})
        self.assertEqual(2, len(self.world.fetched))
        await self.notary.query({TWO: {"ed25519:test": now_ms(self.clock) + 2 * DAY_MS}})
        self.assertEqual(3, len(self.world.fetched))

    async def test_our_own_keys_are_handed_on_as_well(self) -> None:
        """The old ones, too."""
        [document] = await self.notary.query({ONE: {}})

        self.assertEqual(self.ring.publish(), document)
        self.assertIn("ed25519:old", document["old_verify_keys"])

    async def test_questions_are_bounded(self) -> None:
        """A stranger cannot make us ask the whole world."""
        many = {ServerName(f"s{number}.example"): {} for number in range(SERVERS_MAX + 1)}  # type: ignore[var-annotated]

        await self.assertFailure(Deferred.fromCoroutine(self.notary.query(many)), InvalidParameter)
        self.assertEqual([], self.world.fetched)
