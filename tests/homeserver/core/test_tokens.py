"""Tokens, and the names nobody chose."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core import tokens
from homeserver.core.identifiers import check_localpart

ENTROPY = st.binary(min_size=tokens.SECRET_BYTES, max_size=tokens.SECRET_BYTES)


@given(ENTROPY)
def test_kinds_of_token_never_meet(entropy: bytes) -> None:
    """The same randomness spells three different tokens, so that one kind can never pass for another."""
    spelled = {tokens.access_token(entropy), tokens.refresh_token(entropy), tokens.login_token(entropy)}

    assert len(spelled) == 3
    assert all(re.fullmatch(r"fm[arl]_[A-Za-z0-9_-]{32}", token) for token in spelled)


@given(ENTROPY, ENTROPY)
def test_hashes_follow_the_token(one: bytes, other: bytes) -> None:
    """Two tokens have one hash only if they are one token."""
    same_hash = tokens.hash_of(tokens.access_token(one)) == tokens.hash_of(tokens.access_token(other))

    assert same_hash == (one == other)


def test_the_hash_is_sha256() -> None:
    """What is stored is the plain SHA-256 of the token's text."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    assert tokens.hash_of("abc") == expected


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_has_a_hash(text: str) -> None:
    """A header may bring anything, lone surrogates too; it is looked up like any other token."""
    assert len(tokens.hash_of(text)) == 64


def test_a_token_needs_its_randomness() -> None:
    """A short token is our bug, not a weak session."""
    with pytest.raises(ValueError, match="24 random bytes"):
        tokens.access_token(b"short")


@given(st.binary(min_size=tokens.LOCALPART_BYTES, max_size=tokens.LOCALPART_BYTES))
def test_generated_localparts_follow_the_grammar(entropy: bytes) -> None:
    """A name the server makes passes the check that names users choose must pass."""
    check_localpart(tokens.generated_localpart(entropy))


def test_device_ids_are_ten_plain_characters() -> None:
    """A generated device ID is fit for reading aloud."""
    assert re.fullmatch(r"[A-Z2-7]{10}", tokens.device_id(bytes(range(tokens.DEVICE_ID_BYTES))))
