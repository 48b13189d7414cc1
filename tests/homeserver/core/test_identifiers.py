"""The grammar of identifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.identifiers import (
    ServerName,
    UserID,
    check_localpart,
    fits_id,
    is_user_id,
    localpart_of,
    parse_event_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
    server_of,
    user_id_of,
)
from homeserver.core.malformed import Malformed

SERVERS = [
    "matrix.org", "matrix.org:8888", "1.2.3.4", "1.2.3.4:1234", "[1234:5678::abcd]", "[1234:5678::abcd]:5678",
    "localhost", "localhost:1", "MATRIX.ORG", "a-b.c", "127.0.0.1:8800", "[::1]",
]  # fmt: skip
NO_SERVERS = [
    "", ":8888", "matrix.org:", "matrix.org:123456", "matrix.org:x", "matrix.org:80:80", "mat rix.org", "matrix_org",
    "[::1", "::1", "[]", "[x::1]", "mätrix.org", "matrix.org\n", "matrix.org/x", "a" * 256, None, 5, ["a"], b"a",
]  # fmt: skip


@pytest.mark.parametrize("text", SERVERS)
def test_server_names(text: str) -> None:
    """The spec's examples, and what laboratories use, are server names."""
    assert parse_server_name(text) == text
    assert server_of(parse_user_id(f"@user:{text}")) == text


@pytest.mark.parametrize("text", NO_SERVERS)
def test_what_is_no_server_name(text: object) -> None:
    """Neither by itself nor in a user ID."""
    with pytest.raises(Malformed):
        parse_server_name(text)
    assert not is_user_id(f"@user:{text}" if isinstance(text, str) else text)


@pytest.mark.parametrize(
    "localpart", ["alice", "a.b_c=d-e/f+9", "", "Ünïcode", "UPPER", "with space", "\x01", "@", "#"]
)
def test_user_ids_of_any_age(localpart: str) -> None:
    """Historical localparts pass: anything but a colon or NUL."""
    user_id = parse_user_id(f"@{localpart}:one.example")

    assert (localpart_of(user_id), server_of(user_id)) == (localpart, "one.example")


@pytest.mark.parametrize(
    "text", ["alice:one", "@alice", "@a\0:one", "@a:b:c:d", "@\ud800:one", "#alice:one", None, 5, {}]
)
def test_what_is_no_user_id(text: object) -> None:
    """Another sigil, no server, a NUL, half a surrogate pair, or no string at all."""
    assert not is_user_id(text)


def test_identifiers_have_255_bytes() -> None:
    """Bytes, not characters, are counted."""
    for parse, sigil in ((parse_user_id, "@"), (parse_room_alias, "#"), (parse_room_id, "!"), (parse_event_id, "$")):
        assert parse(f"{sigil}{'a' * 250}:one")
        assert parse(f"{sigil}{'é' * 125}:one")
        for longer in (f"{sigil}{'a' * 251}:one", f"{sigil}{'é' * 126}:one"):
            with pytest.raises(Malformed):
                parse(longer)


@given(st.text(max_size=300))
def test_how_long_a_text_is(text: str) -> None:
    """A text fits when its UTF-8 has 255 bytes at most."""
    try:
        fits = len(text.encode()) <= 255
    except UnicodeEncodeError:
        fits = False

    assert fits_id(text) is fits


def test_room_aliases() -> None:
    """An alias has a localpart of any characters, and a server."""
    assert parse_room_alias("#moot é:one.example") == "#moot é:one.example"
    for text in ("#:one.example", "#moot", "moot:one.example", "#moot:", "#mo:ot:one.example:80:80", None):
        with pytest.raises(Malformed):
            parse_room_alias(text)


def test_room_and_event_ids_of_every_version() -> None:
    """With a server until v2 (events) and v11 (rooms), later a bare hash."""
    for parse, sigil in ((parse_room_id, "!"), (parse_event_id, "$")):
        for opaque in ("opaque:one.example", "Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ", "CD66/+dpnpg6"):
            assert parse(sigil + opaque) == sigil + opaque
        for text in ("", sigil, "opaque", "@opaque:one", sigil + "a\0", None, 5):
            with pytest.raises(Malformed):
                parse(text)
    assert server_of(parse_room_id("!hash")) == ""


def test_names_of_new_users() -> None:
    """New users have the modern characters, and an ID that fits."""
    server = ServerName("one.example")

    assert user_id_of("a.b_c=d-e/f+9", server) == UserID("@a.b_c=d-e/f+9:one.example")
    for localpart in ("", "Alice", "é", "a b", "a:b", "a\n", "a" * 250):
        with pytest.raises(Malformed) as refusal:
            user_id_of(localpart, server)
        assert refusal.value.code == "M_INVALID_USERNAME"
    with pytest.raises(Malformed):
        check_localpart("UPPER")
