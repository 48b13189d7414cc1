"""matrix-js-sdk through the chapters of the specification: what its own high-level interface believes afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from scripts.certificates import make_authority
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import find_place
from scripts.laboratory.js_client import JSClient, start_js
from scripts.laboratory.tools import Unavailable

pytestmark = pytest.mark.peers

MORE = {
    "turn": {"uris": ["turn:127.0.0.1:3478"], "shared_secret": "oak"},
    "rtc": {"transports": [{"type": "livekit", "livekit_service_url": "https://calls.one.example"}]},
}


class Play(Protocol):
    def __call__(self, chapter: str, **parameters: str) -> Any: ...


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Plays a chapter with new users on the one server of this module; answers what their clients believe."""
    directory: Path = tmp_path_factory.mktemp("chapters")
    place = find_place(directory / "server", make_authority(directory))
    server = make_folkmoot(place, more=MORE)
    try:
        client: JSClient = start_js(server, directory / "js", "chapters.mjs")
    except Unavailable as missing:
        pytest.skip(str(missing))
    try:
        server.start()
        client.do("begin", baseUrl=server.client_url)

        def played(chapter: str, **parameters: str) -> Any:
            return client.do(chapter, server_name=server.server_name, **parameters)

        yield played
    finally:
        client.close()
        server.stop()


def test_what_a_server_says_of_itself(play: Play) -> None:
    """The SDK finds login flows, versions, capabilities, TURN and OpenID credentials, and no networks."""
    facts = play("server_facts")

    assert {"m.login.password", "m.login.token"} <= set(facts.pop("flows"))
    assert facts == {
        "free": True,
        "taken": False,
        "state": "SYNCING",
        "whoami": True,
        "room_versions": True,
        "capabilities": True,
        "versions": True,
        "openid": ["Bearer", True, True],
        "turn": [["turn:127.0.0.1:3478"], True, True],
        "protocols": {},
        "threads": 2,
        "well_known": True,
        # Synapse's own administration is not here.
        "administrator": 404,
    }


def test_devices(play: Play) -> None:
    """Devices are named and, with the password, deleted by the SDK's interactive authentication; they notice."""
    assert play("devices") == {
        "before": 3,
        "named": "Phone",
        "stages": ["m.login.password", "m.login.password"],
        "after": [True],
        "unknown": "M_NOT_FOUND",
    }


def test_passwords_and_the_end_of_an_account(play: Play) -> None:
    """A new password is the only one, logs other devices out, and ends the account."""
    assert play("passwords") == {
        "stages": ["m.login.password", "m.login.password"],
        "old": "M_FORBIDDEN",
        "after": "M_UNKNOWN_TOKEN",
        "ended": "M_UNKNOWN_TOKEN",
    }


def test_refresh_tokens(play: Play) -> None:
    """Each refresh ends what was before it, once its tokens are used."""
    assert play("refreshing") == {
        "expires": True,
        "same_device": True,
        "renewed": True,
        "old": "M_UNKNOWN_TOKEN",
        "reused": "M_UNKNOWN_TOKEN",
    }


def test_logging_out(play: Play) -> None:
    """The session is over, and its device gone."""
    assert play("logout") == {"after": "M_UNKNOWN_TOKEN", "others": 1}


def test_login_tokens(play: Play) -> None:
    """A token from one device lets another in, once."""
    assert play("login_tokens") == {"enabled": True, "user": True, "again": "M_FORBIDDEN"}


def test_presets(play: Play) -> None:
    """Rooms of every preset are as the specification says, for their makers and for the invited."""
    seen = play("presets")

    private = {"join_rule": "invite", "history": "shared", "guests": "can_join", "topic": "News"}
    for preset, more in {
        "private_chat": {**private, "equal": False},
        "trusted_private_chat": {**private, "equal": True},
        "public_chat": {**private, "join_rule": "public", "guests": "forbidden", "equal": False},
    }.items():
        assert seen[preset] == {"name": f"A {preset}", "invited_name": f"A {preset}", **more}


def test_lazy_members(play: Play) -> None:
    """Who comes late knows those who spoke and some heroes; the others when they are asked for."""
    seen = play("lazy_members")

    assert seen.pop("known") < 9
    assert seen == {"speaker": "join", "count": 11, "loaded": 11}


def test_aliases_and_the_directory(play: Play) -> None:
    """A room is found by word, alias and summary until it is taken out of the directory."""
    seen = play("directory")

    [[same, name, topic, members, alias]] = seen.pop("found")
    assert (same, topic, members, alias) == (True, "Under it", 1, True)
    assert seen.pop("summary") == [True, name, 1, "public", "leave"]
    assert seen == {
        "resolved": True,
        "joined": True,
        "canonical": True,
        "aliases": 2,
        "visibility": "public",
        "unlisted": 0,
        "gone": "M_NOT_FOUND",
        "foreign": "M_FORBIDDEN",
    }


def test_spaces(play: Play) -> None:
    """The SDK walks a team page by page, without the rooms it may not see; members alone enter the restricted one."""
    assert play("spaces") == {
        "is_space": True,
        "outside": "M_FORBIDDEN",
        "stranger": "M_FORBIDDEN",
        "pages": [["Team", "Inner"], ["Restricted", "Lobby"]],
        "suggested": ["Team", "Lobby"],
        "order": "b",
        "is_suggested": True,
    }


def test_knocking(play: Play) -> None:
    """Who knocks sees what the room is called; one is let in, the other turned away, and both are told."""
    assert play("knocking") == {"knock": "it rains", "name": "Door", "reason": "come in", "again": "M_FORBIDDEN"}


def test_room_upgrades(play: Play) -> None:
    """Clients follow the tombstone, see one chain of two rooms, and only the new one is still spoken in."""
    assert play("upgrade") == {
        "tombstone": True,
        "predecessor": True,
        "chain": True,
        "name": "Old",
        "topic": "Kept",
        "version": "11",
        "visible": ["Old"],
        "locked": "M_FORBIDDEN",
    }


def test_moderation(play: Play) -> None:
    """Bans hold until they end, the forgotten is gone, reports are taken from members alone."""
    assert play("moderation") == {
        "may": True,
        "banned": "M_FORBIDDEN",
        "forgotten": None,
        "left": "M_FORBIDDEN",
        "joined": 2,
        "rooms": [],
        "outsider": "M_NOT_FOUND",
    }


def test_guests(play: Play) -> None:
    """A guest peeks into a room that is open to all, hears what is said, joins, and may make no rooms."""
    assert play("guests") == {
        "before": "M_FORBIDDEN",
        "name": "Shop window",
        "shown": True,
        "guest": True,
        "may_not": "M_GUEST_ACCESS_FORBIDDEN",
    }


def test_relations(play: Play) -> None:
    """Author, reader and latecomer see the same edit, reactions and redaction; nobody reacts twice in the same way."""
    seen = play("relations")

    for reader in ("alice", "bob", "late"):
        assert seen.pop(reader) == {"body": "hello", "edited": True, "reactions": [["👍", 2]], "redacted": "typo"}
    assert seen == {"twice": "M_DUPLICATE_ANNOTATION", "pages": [1, 1], "original": True, "edits": [True]}


def test_history(play: Play) -> None:
    """Windows over the timeline reach both ends from the end and from the middle, each event once and in order."""
    assert play("history") == {
        "bodies": 40,
        "in_order": True,
        "first": "m.room.create",
        "middle": [7, 8, 9, 10, 11, 12, 13],
        "found": True,
        "whole": ["m.room.create", 40, True],
        "too_early": "M_NOT_FOUND",
    }


def test_search(play: Play) -> None:
    """All pages of results come, with what surrounds them; words of any script are found, by members alone."""
    assert play("search") == {
        "count": 13,
        "first": 5,
        "all": 13,
        "total": 13,
        "highlights": ["acorn"],
        "around": True,
        "chinese": "我们在橡树下见面",
        "outside": 0,
    }


def test_account_data(play: Play) -> None:
    """Data, tags, drafts and markers of one device reach the other, and go there too."""
    assert play("account_data") == {
        "color": "green",
        "tags": {"m.favourite": {"order": 0.25}},
        "draft": "dear",
        "pinned": ["$a"],
        "marker": True,
        "direct": {"favorite": "green"},
        "absent": None,
        "listed": {},
        "after": {},
    }


def test_delayed_events(play: Play) -> None:
    """Scheduled messages are sent in time, at once or never, and it can be asked what became of them."""
    assert play("delayed_events") == {
        "scheduled": ["at once", "never", "later"],
        "one": ["m.room.topic", 600_000],
        "bodies": ["at once", "soon"],
        "topic": "later",
        "ends": [[True, True], [True, True], [False, True], [True, True]],
        "unknown": "M_NOT_FOUND",
        "foreign": "M_NOT_FOUND",
    }


def test_sticky_events(play: Play) -> None:
    """Who comes when it is no longer in the timeline still has the sticky event."""
    assert play("sticky_events") == {"same": True, "in_timeline": False, "key": "desk"}


def test_ignored_users(play: Play) -> None:
    """Neither messages nor invites of the ignored arrive, until they are not ignored any more."""
    assert play("ignored") == {"heard": False, "invited": False, "ignored": []}


def test_threads(play: Play) -> None:
    """Authors and a latecomer have the same threads, in the order of their last replies."""
    assert play("threads") == {
        "alice": {"length": 3, "last": "Cheese", "took_part": True},
        "bob": {"took_part": True},
        "carol": {
            "listed": 2,
            "order": [True, False],
            "length": 3,
            "bodies": ["What shall we eat?", "Soup", "Bread", "Cheese"],
            "took_part": False,
        },
        "main_timeline": 2,
        "bobs": [True],
    }


def test_counts_of_threads(play: Play) -> None:
    """Each thread has its own counts, which its own receipts clear."""
    assert play("thread_counts") == {
        "before": {"first": [2, 1], "second": [1, 0], "main": 1, "room": [4, 1]},
        "after": {"first": 0, "second": 1, "main": 1},
        "read": True,
    }


def test_receipts(play: Play) -> None:
    """Public receipts are seen by others, private ones clear the own counts only; to speak is to have read."""
    assert play("receipts") == {"before": {"first": [1], "second": []}, "carols": True, "moved": True}


def test_push_rules(play: Play) -> None:
    """Server and client agree on what every message asks for, as rules are added, switched off, and rooms muted."""

    def judged(unread: int, highlights: int) -> dict[str, Any]:
        return {"counts": [unread, highlights], "notify": unread > 0, "highlight": highlights > 0}

    assert play("push_rules") == {
        "plain": judged(1, 0),
        "named": {**judged(2, 1)},
        "word": judged(1, 1),
        "off": judged(1, 0),
        "muted": judged(0, 0),
        "silent": judged(0, 0),
        "unknown": "M_NOT_FOUND",
    }


def test_pushers(play: Play) -> None:
    """A pusher is listed until it is removed, and must lead somewhere; a device is silenced."""
    assert play("pushers") == {
        "listed": [["key", "http", "event_id_only"]],
        "after": [],
        "silenced": True,
        "refused": "M_INVALID_PARAM",
    }


def test_profiles(play: Play) -> None:
    """Name and face reach rooms and directory; fields of any kind are kept, and gone when they are deleted."""
    assert play("profiles") == {
        "supported": True,
        "avatar": "mxc://example.org/face",
        "plain": True,
        "fields": {"tz": "Europe/Berlin", "pets": {"cat": 1}, "named": True},
        # So the SDK says that there is none.
        "deleted": None,
        "directory": [[True, "mxc://example.org/face"]],
        "nobody": "M_NOT_FOUND",
    }


def test_presence_and_typing(play: Play) -> None:
    """They are seen by those who share a room, and by nobody else."""
    assert play("presence") == {"status": "at lunch", "asked": "unavailable", "outside": "M_FORBIDDEN"}


def test_direct_chats(play: Play) -> None:
    """The SDK knows a direct chat and whom it is with; an invite that was declined can come again."""
    assert play("direct_chats") == {"inviter": True, "named": True, "guess": True, "mutual": [True]}


@pytest.mark.parametrize("sticky", ["no", "yes"])
def test_calls(play: Play, sticky: str) -> None:
    """Two sessions of MatrixRTC find each other, with a leave scheduled for either, and see each other go."""
    assert play("matrix_rtc", sticky=sticky) == {
        "transports": ["livekit"],
        "leave_is_scheduled": True,
        "members": [0, 1],
        "active": True,
        "left": True,
    }


def test_recovery_of_keys(play: Play) -> None:
    """A new device with the recovery key becomes trusted and reads what was said before it, from the backup."""
    assert play("recovery") == {
        "first": {"ready": True, "storage": True, "version": True},
        "before": False,
        "restored": [1, 1],
        "body": "under the oak",
        "trusted": True,
        "after": None,
    }


def test_dehydrated_devices(play: Play) -> None:
    """What is said while somebody has no device at all is read by their next one."""
    assert play("dehydration") == {"supported": True, "dehydrated": 1, "body": "while you slept"}


def test_verification(play: Play) -> None:
    """Two devices show the same emoji, and trust each other afterwards, secrets included."""
    assert play("verification") == {"same": 7, "trusted": True, "secrets": True}


def test_meeting_by_a_code(play: Play) -> None:
    """A new device that read a QR code talks to the one that shows it; the server cannot read it; both hear its end."""
    assert play("meeting") == {
        "server": True,
        "same_code": 2,
        "heard": {"type": "m.login.protocol", "protocol": "tea"},
        "answered": {"type": "m.login.secrets", "secret": "under the oak"},
        "readable": False,
        "after": None,
        "failures": ["unknown"],
    }


NOT_SERVED_YET = ("getAuthMetadata", "getMediaConfig", "getUrlPreview", "uploadContent")
"""OAuth 2.0, and the content repository."""
LEFT_OUT = ("patchExtendedProfile", "setExtendedProfile", "_unstable_delegateDelayedLeave")
"""Whole profiles are in no specification; looking after the leaving of calls is what servers may do (MSC4195)."""
OF_ANOTHER_SERVER = (
    "agreeToTerms",
    "deactivateSynapseUser",
    "getIdentityAccount",
    "getIdentityHashDetails",
    "getTerms",
    "identityHashedLookup",
    "isSynapseAdministrator",
    "registerWithIdentityServer",
    "requestEmailToken",
    "requestMsisdnToken",
    "submitMsisdnToken",
    "submitMsisdnTokenOtherUrl",
    "whoisSynapseUser",
)
"""An identity server's, or a Synapse's own."""


def test_every_method(play: Play) -> None:
    """Whatever the SDK can ask a server is answered with what it expects, but for what is named here."""
    seen = play("sweep")
    refused = seen["refused"]

    missing = {method for method, errcode in refused.items() if errcode == "M_UNRECOGNIZED"}
    assert missing == {*NOT_SERVED_YET, *LEFT_OUT}
    # This server has no mail server, no identity server, no LiveKit and no bridge, and says so.
    assert {method: errcode for method, errcode in refused.items() if method not in missing} == {
        "requestTokenFromEndpoint": "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        "requestRegisterMsisdnToken": "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        "requestPasswordEmailToken": "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        "requestAdd3pidEmailToken": "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        "addThreePidOnly": "M_THREEPID_AUTH_FAILED",
        "bindThreePid": "M_NOT_FOUND",
        "deleteThreePid": "M_THREEPID_NOT_FOUND",
        "inviteByThreePid": "ORG.MATRIX.JSSDK_MISSING_PARAM",
        "_unstable_getLivekitToken": "M_NOT_FOUND",
        "getThirdpartyLocation": "M_NOT_FOUND",
        "getThirdpartyUser": "M_NOT_FOUND",
    }
    assert seen["forgotten"] == sorted(OF_ANOTHER_SERVER)
    assert seen["count"] > 120
