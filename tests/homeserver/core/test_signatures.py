"""Signatures over JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.malformed import Malformed
from homeserver.core.signatures import SigningKey, is_signed, is_signed_by, sign_json, signatures_by
from homeserver.core.unpadded_base64 import parse_base64
from tests import stories
from tests.homeserver.core.test_canonical import values

VECTORS = stories.read("spec/signing.json")
KEY = SigningKey.from_seed(VECTORS["key_id"], parse_base64(VECTORS["seed"]))
OTHER = SigningKey.from_seed("ed25519:2", b"2" * 32)
objects = st.dictionaries(st.sampled_from(["a", "b", "c", "unsigned", "signatures"]), values)


@pytest.mark.parametrize("vector", VECTORS["json"])
def test_the_vectors_of_the_spec(vector: dict[str, Any]) -> None:
    """What the spec gives is signed as the spec wants it."""
    assert sign_json(vector["given"], VECTORS["server_name"], KEY) == vector["signed"]


@given(objects)
def test_signing_then_verifying_holds(value: dict[str, Any]) -> None:
    """What was signed is verified with the public half of the key, and with no other key, name or ID."""
    signed = sign_json(value, "one.example", KEY)

    assert is_signed_by(signed, "one.example", KEY.key_id, KEY.verify_key)
    assert not is_signed_by(signed, "one.example", KEY.key_id, OTHER.verify_key)
    assert not is_signed_by(signed, "two.example", KEY.key_id, KEY.verify_key)
    assert not is_signed_by(signed, "one.example", OTHER.key_id, KEY.verify_key)


@given(objects, st.sampled_from(["a", "b", "c", "d"]), values)
def test_any_change_is_noticed(value: dict[str, Any], name: str, changed: Any) -> None:
    """What is altered or added after signing is signed no more."""
    signed = sign_json(value, "one.example", KEY)
    altered = {**signed, name: [changed, "altered"]}
    if altered == signed:
        return

    assert not is_signed_by(altered, "one.example", KEY.key_id, KEY.verify_key)


@given(objects, values)
def test_unsigned_is_not_signed(value: dict[str, Any], unsigned: Any) -> None:
    """What is put under ``unsigned`` leaves the signature whole."""
    signed = {**sign_json(value, "one.example", KEY), "unsigned": unsigned}

    assert is_signed_by(signed, "one.example", KEY.key_id, KEY.verify_key)


def test_signatures_add_up() -> None:
    """A second signature, by the same server or another, leaves the first; the value given is not touched."""
    value: dict[str, Any] = {"a": 1}
    signed = sign_json(sign_json(sign_json(value, "one", KEY), "one", OTHER), "two", OTHER)

    assert value == {"a": 1}
    assert is_signed_by(signed, "one", KEY.key_id, KEY.verify_key)
    assert is_signed_by(signed, "one", OTHER.key_id, OTHER.verify_key)
    assert is_signed_by(signed, "two", OTHER.key_id, OTHER.verify_key)


def test_unknown_algorithms_are_left_out() -> None:
    """Signatures of another algorithm are none; signatures of an odd form are none either."""
    assert signatures_by({"signatures": {"one": {"rsa:1": "AA", "ed25519:1": "BB"}}}, "one") == {"ed25519:1": "BB"}
    odd_forms: list[Any] = [None, [], "x", {"one": 5}, {"one": ["ed25519:1"]}]
    for odd in odd_forms:
        assert signatures_by({"signatures": odd}, "one") == {}


@pytest.mark.parametrize("signature", ["", "AA", "A" * 86, "A" * 85 + "B", 5, None, {}, "é"])
def test_what_is_no_signature(signature: Any) -> None:
    """Signatures of another length, of another value or of another type do not hold, and do not break anything."""
    value: dict[str, Any] = {"a": 1, "signatures": {"one": {KEY.key_id: signature}}}

    assert not is_signed_by(value, "one", KEY.key_id, KEY.verify_key)


def test_what_is_no_key() -> None:
    """Keys of another length verify nothing; a seed of another length, or an ID of another kind, makes no key."""
    signature = KEY.sign(b"message")

    assert is_signed(b"message", signature, KEY.verify_key)
    assert not is_signed(b"message", signature, KEY.verify_key[:-1])
    assert not is_signed(b"message", signature, b"")
    for key_id, seed in (("ed25519:1", b"short"), ("rsa:1", b"1" * 32), ("ed25519:", b"1" * 32), ("1", b"1" * 32)):
        with pytest.raises(Malformed):
            SigningKey.from_seed(key_id, seed)


def test_a_key_keeps_its_secret() -> None:
    """Printing a key prints its public half at most."""
    assert "_secret" not in repr(KEY)
    assert "secret" not in repr(KEY)
