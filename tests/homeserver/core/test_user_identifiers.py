"""How a client names the user who logs in."""

from typing import Any

import pytest

from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.user_identifiers import ThirdPartyID, UserName, parse_identifier

HERE = ServerName("example.org")


@pytest.mark.parametrize("user", ["alice", "Alice", "@alice:example.org", "@ALICE:example.org"])
def test_a_name_or_an_id_names_the_user(user: str) -> None:
    """The localpart is enough, and capitals are taken for small letters."""
    assert UserName(user).user_id(HERE) == "@alice:example.org"


@pytest.mark.parametrize("user", ["@alice:elsewhere.org", "@alice", "@alice:", "x" * 300, "@:x y"])
def test_others_are_not_ours(user: str) -> None:
    """Users of other servers, and what is no user ID, name nobody here."""
    assert UserName(user).user_id(HERE) is None


def test_the_kinds_of_identifier() -> None:
    """By user, by address, by phone number; addresses in their canonical form."""
    assert parse_identifier({"identifier": {"type": "m.id.user", "user": "alice"}}) == UserName("alice")
    email: dict[str, Any] = {"type": "m.id.thirdparty", "medium": "email", "address": "Alice@Example.org"}
    assert parse_identifier({"identifier": email}) == ThirdPartyID("email", "alice@example.org")
    untyped: dict[str, Any] = {"medium": "email", "address": "alice@example.org"}
    assert parse_identifier({"identifier": untyped}) == ThirdPartyID("email", "alice@example.org")
    phone: dict[str, Any] = {"type": "m.id.phone", "country": "GB", "phone": "+44 7700 900001"}
    assert parse_identifier({"identifier": phone}) == ThirdPartyID("msisdn", "447700900001")


def test_the_deprecated_forms() -> None:
    """What clients sent before identifiers had a type."""
    assert parse_identifier({"user": "alice"}) == UserName("alice")
    assert parse_identifier({"medium": "email", "address": "a@b"}) == ThirdPartyID("email", "a@b")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "M_MISSING_PARAM"),
        ({"identifier": "alice"}, "M_BAD_JSON"),
        ({"identifier": {}}, "M_MISSING_PARAM"),
        ({"identifier": {"type": "m.id.user"}}, "M_MISSING_PARAM"),
        ({"identifier": {"medium": "email"}}, "M_MISSING_PARAM"),
        ({"identifier": {"type": "m.id.user", "user": 7}}, "M_BAD_JSON"),
        ({"identifier": {"type": "m.id.user", "user": "a\0"}}, "M_BAD_JSON"),
        ({"identifier": {"type": "m.id.phone", "phone": "1"}}, "M_MISSING_PARAM"),
        ({"identifier": {"type": "org.example.face"}}, "M_UNKNOWN"),
        ({"identifier": {"type": []}}, "M_UNKNOWN"),
        ({"user": "x" * 513}, "M_BAD_JSON"),
        ({"medium": "email"}, "M_MISSING_PARAM"),
    ],
)
def test_nobody_is_named(body: Any, code: str) -> None:
    """Without a usable identifier the request is refused before anything is looked up."""
    with pytest.raises(Malformed) as refused:
        parse_identifier(body)

    assert refused.value.code == code
