"""Sessions that prove addresses."""

from typing import Any

import pytest

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.validation import (
    Proven,
    is_token_of,
    is_unsubscribe_token,
    parse_next_link,
    parse_opaque,
    parse_proven,
    parse_send_attempt,
    secret_hash,
    token_of,
    unsubscribe_token,
)
from homeserver.core.malformed import Malformed

SECRET = b"k" * 32
HOSTS = ("chat.example", "Localhost")


def test_a_token_is_good_for_its_session() -> None:
    """And for no other, nor from another server, nor for another use."""
    token = token_of(SECRET, "sid")

    assert is_token_of(SECRET, "sid", token)
    assert not is_token_of(SECRET, "other", token)
    assert not is_token_of(b"x" * 32, "sid", token)
    assert not is_token_of(SECRET, "sid", "ü\ud800")
    assert not is_unsubscribe_token(SECRET, "sid", "", token)
    assert is_unsubscribe_token(SECRET, "@a:b", "c", unsubscribe_token(SECRET, "@a:b", "c"))


def test_a_proof_is_kept_as_text() -> None:
    """What a stage proved is read again when the flow is complete."""
    proven = Proven("sid", EmailAddress("alice@two.example"), 7)

    assert parse_proven(proven.to_text()) == proven


def test_secrets_are_not_stored() -> None:
    """Two clients with one secret have one hash, and it does not show the secret."""
    assert secret_hash("tea") == secret_hash("tea") != secret_hash("teb")
    assert "tea" not in secret_hash("tea")


@pytest.mark.parametrize("link", ["https://chat.example/#/x?a=b", "http://localhost:8080/", "https://CHAT.example"])
def test_links_to_clients_are_followed(link: str) -> None:
    """Whatever their port and path."""
    assert parse_next_link(link, HOSTS) == link


@pytest.mark.parametrize(
    "link",
    [None, "", "https://evil.example/", "https://chat.example.evil.example/", "https://chat.example@evil.example/",
     "https://user@chat.example/"],
)  # fmt: skip
def test_links_to_strangers_are_not(link: str | None) -> None:
    """The client is not refused: its user is shown a page instead."""
    assert parse_next_link(link, HOSTS) is None


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "//chat.example/", "/path", "https://", "https://chat.example/ x",
     "https://chat.example/\r\nx: y", "https://chat.example\\@evil.example/", "https://[::1", "x" * 3000],
)  # fmt: skip
def test_links_that_are_none(link: str) -> None:
    """They are refused."""
    with pytest.raises(Malformed):
        parse_next_link(link, HOSTS)


@pytest.mark.parametrize("text", [None, 7, "", "a b", "ä", "x" * 256, "a\n", "a/b"])
def test_secrets_of_another_form(text: Any) -> None:
    """They are refused."""
    with pytest.raises(Malformed):
        parse_opaque(text, "client_secret")


@pytest.mark.parametrize("number", [None, "1", 1.0, True, -1, 10**9])
def test_attempts_of_another_form(number: Any) -> None:
    """They are refused."""
    with pytest.raises(Malformed):
        parse_send_attempt(number)
