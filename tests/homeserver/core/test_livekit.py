"""Names and grants for LiveKit."""

from twisted.trial.unittest import TestCase

from homeserver.core.identifiers import RoomID
from homeserver.core.livekit import Grant, alias_of, identity_of


class NameTests(TestCase):
    def test_they_are_those_of_the_proposal(self) -> None:
        """Spec: proposals/4195, its test vectors."""
        room_id = RoomID("!roomid:example.com")
        self.assertEqual("O8437W3+jmzMVjoIP3tNwbm+XxHQk2iKpOA7aqw3qSc", alias_of(room_id, "slot1234"))
        self.assertEqual("IMeDd+K3MIqJTI20EXBIrepKkhhORvf3q8fx3rlrhTk", alias_of(room_id, "slot123", "random123"))

    def test_no_two_are_alike(self) -> None:
        """Wherever one part ends and the next begins."""
        self.assertEqual(
            3, len({identity_of(*parts) for parts in (("a", "bc", "d"), ("ab", "c", "d"), ("a", "b", "cd"))})
        )


class GrantTests(TestCase):
    def test_who_listens_neither_speaks_nor_opens(self) -> None:
        """Both come in; a token is good from a little before it was made, as clocks differ."""
        for publishes in (True, False):
            claims = Grant("me", "there", publishes).claims("key", 1000, 60)

            self.assertEqual(
                {"iss": "key", "sub": "me", "nbf": 990, "exp": 1060}, {k: claims[k] for k in claims if k != "video"}
            )
            expected = {"room": "there", "roomJoin": True, "canSubscribe": True}
            self.assertEqual({**expected, "canPublish": publishes, "roomCreate": publishes}, claims["video"])
