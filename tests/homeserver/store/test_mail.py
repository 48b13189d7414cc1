"""Tests of what mail keeps: sessions that prove addresses, messages that wait, digests, and who accepted what."""

from attrs import evolve

from homeserver.core.identifiers import UserID
from homeserver.core.mail.addresses import EMAIL, EmailAddress
from homeserver.core.mail.validation import Purpose
from homeserver.core.timeline import Ordering
from homeserver.store import accepted_policies, digests, outgoing_mail, threepids, validation_sessions
from homeserver.store.digests import StoredDigest
from homeserver.store.threepids import OwnedAddress
from homeserver.store.validation_sessions import ValidationSession
from tests.databases import TransactionCase, each_database

ALICE, BOB = UserID("@alice:one.example"), UserID("@bob:one.example")
ADDRESS = EmailAddress("alice@two.example")
SESSION = ValidationSession("sid", ADDRESS, "hash", Purpose.ADD, -1, None, True, None, 1_000)
DIGEST = StoredDigest(ALICE, "m.email", ADDRESS, 500, 100, None, Ordering(7))
OWNED = OwnedAddress(EMAIL, ADDRESS, 1, 2)


@each_database
class ValidationSessionTests(TransactionCase):
    def test_a_session_is_found_by_its_client(self) -> None:
        """By address, secret and purpose together."""
        validation_sessions.renew(self.tx, SESSION, 0)

        self.assertEqual(SESSION, validation_sessions.of_client(self.read, ADDRESS, "hash", Purpose.ADD))
        self.assertIsNone(validation_sessions.of_client(self.read, ADDRESS, "other", Purpose.ADD))
        self.assertIsNone(validation_sessions.of_client(self.read, ADDRESS, "hash", Purpose.RESET))
        self.assertEqual(SESSION, validation_sessions.by_id(self.read, "sid"))

    def test_a_client_has_one_session(self) -> None:
        """Two requests at once get the same; other clients get their own."""
        validation_sessions.renew(self.tx, SESSION, 0)
        again = validation_sessions.renew(self.tx, evolve(SESSION, sid="again", expires_ms=2_000), 0)
        other = validation_sessions.renew(self.tx, evolve(SESSION, sid="other", secret_hash="other"), 0)

        self.assertEqual(("sid", "other"), (again.sid, other.sid))
        self.assertEqual(again, validation_sessions.by_id(self.read, "sid"))

    def test_what_has_expired_goes_when_another_comes(self) -> None:
        """So that strangers fill nothing up."""
        validation_sessions.renew(self.tx, SESSION, 0)
        validation_sessions.renew(self.tx, evolve(SESSION, sid="next", secret_hash="next", expires_ms=2_000), 1_000)

        self.assertIsNone(validation_sessions.by_id(self.read, "sid"))
        self.assertIsNotNone(validation_sessions.by_id(self.read, "next"))

    def test_an_address_is_proved_once_and_used_once(self) -> None:
        """A second click changes nothing; nobody uses a proof twice, nor what is not proved."""
        validation_sessions.renew(self.tx, SESSION, 0)
        unproved = validation_sessions.take(self.tx, "sid")
        validation_sessions.note_sent(self.tx, evolve(SESSION, send_attempt=3))
        validation_sessions.validate(self.tx, "sid", 10, 5_000)
        validation_sessions.validate(self.tx, "sid", 20, 6_000)
        proved = validation_sessions.by_id(self.read, "sid")

        self.assertFalse(unproved)
        self.assertEqual(evolve(SESSION, send_attempt=3, validated_ms=10, expires_ms=5_000), proved)
        self.assertEqual([True, False], [validation_sessions.take(self.tx, "sid") for _ in range(2)])


@each_database
class OutgoingMailTests(TransactionCase):
    def test_a_claim_is_exclusive_while_it_lasts(self) -> None:
        """The oldest go first; who claims later gets what is left, and all of it once the claims have ended."""
        for number in range(3):
            outgoing_mail.insert_new(self.tx, ADDRESS, b"\x00\xff%d" % number, number, 10)
        first = outgoing_mail.claim(self.tx, 10, 100, 2)
        second = outgoing_mail.claim(self.tx, 10, 100, 2)
        third = outgoing_mail.claim(self.tx, 50, 100, 2)

        self.assertEqual([b"\x00\xff0", b"\x00\xff1"], [each.message for each in first])
        self.assertEqual([b"\x00\xff2"], [each.message for each in second])
        self.assertEqual([], third)
        self.assertEqual(100, outgoing_mail.next_due_ms(self.read))
        self.assertEqual(3, len(outgoing_mail.claim(self.tx, 100, 200, 5)))

    def test_who_was_too_slow_postpones_nothing(self) -> None:
        """When the claim has passed to another, it is the other's to say."""
        outgoing_mail.insert_new(self.tx, ADDRESS, b"x", 0, 10)
        [slow] = outgoing_mail.claim(self.tx, 0, 100, 1)
        [quick] = outgoing_mail.claim(self.tx, 100, 200, 1)
        outgoing_mail.postpone(self.tx, slow, 100, 9_000)

        self.assertEqual(200, outgoing_mail.next_due_ms(self.read))
        outgoing_mail.postpone(self.tx, quick, 200, 300)
        [again] = outgoing_mail.claim(self.tx, 300, 400, 1)
        self.assertEqual(1, again.failures)
        outgoing_mail.delete_one(self.tx, again.nid)
        self.assertEqual(0, outgoing_mail.count(self.read))

    def test_there_is_a_bound(self) -> None:
        """What does not fit is said not to."""
        self.assertEqual([True, False], [outgoing_mail.insert_new(self.tx, ADDRESS, b"x", 0, 1) for _ in range(2)])


@each_database
class DigestTests(TransactionCase):
    def test_digests_are_claimed_when_they_are_due(self) -> None:
        """By one, for a while."""
        digests.replace(self.tx, DIGEST)
        early = digests.claim(self.tx, 499, 900, 5)
        found = digests.claim(self.tx, 500, 900, 5)

        self.assertEqual(([], [DIGEST], []), (early, found, digests.claim(self.tx, 600, 900, 5)))
        self.assertEqual(900, digests.next_due_ms(self.read))

    def test_a_mail_that_is_coming_stays_where_it_is(self) -> None:
        """Only what is not due at all is put on the calendar."""
        digests.replace(self.tx, DIGEST)
        digests.schedule(self.tx, ALICE, "m.email", ADDRESS, 800)
        first = digests.next_due_ms(self.read)
        digests.replace(self.tx, evolve(DIGEST, due_ms=None))
        digests.schedule(self.tx, ALICE, "m.email", ADDRESS, 800)

        self.assertEqual((500, 800), (first, digests.next_due_ms(self.read)))

    def test_they_go_with_the_pusher_or_the_account(self) -> None:
        """Other users keep theirs."""
        for user_id in (ALICE, BOB):
            digests.replace(self.tx, evolve(DIGEST, user_id=user_id))
        digests.delete_one(self.tx, ALICE, "m.email", ADDRESS)

        self.assertIsNone(digests.by_key(self.read, ALICE, "m.email", ADDRESS))
        self.assertIsNotNone(digests.by_key(self.read, BOB, "m.email", ADDRESS))
        digests.delete_of_user(self.tx, BOB)
        self.assertIsNone(digests.by_key(self.read, BOB, "m.email", ADDRESS))


@each_database
class AcceptedPolicyTests(TransactionCase):
    def test_each_version_is_accepted_once(self) -> None:
        """The first time counts."""
        accepted_policies.insert(self.tx, ALICE, {"privacy": "1", "terms": "1"}, 10)
        accepted_policies.insert(self.tx, ALICE, {"privacy": "1", "terms": "2"}, 20)

        expected = [("privacy", "1", 10), ("terms", "1", 10), ("terms", "2", 20)]
        self.assertEqual(expected, accepted_policies.of_user(self.read, ALICE))
        accepted_policies.delete_of_user(self.tx, ALICE)
        self.assertEqual([], accepted_policies.of_user(self.read, ALICE))


@each_database
class AddressTests(TransactionCase):
    def test_an_address_is_one_users(self) -> None:
        """Until it is removed, by its owner."""
        first = threepids.insert_new(self.tx, ALICE, OWNED)
        again = threepids.insert_new(self.tx, ALICE, OWNED)
        taken = threepids.insert_new(self.tx, BOB, OWNED)

        self.assertEqual((True, True, False), (first, again, taken))
        self.assertFalse(threepids.delete_one(self.tx, BOB, EMAIL, ADDRESS))
        self.assertTrue(threepids.delete_one(self.tx, ALICE, EMAIL, ADDRESS))
        self.assertTrue(threepids.insert_new(self.tx, BOB, OWNED))
        self.assertEqual(BOB, threepids.owner_of(self.read, EMAIL, ADDRESS))
