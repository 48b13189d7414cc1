"""Who may register."""

from typing import Any

import pytest
from attrs import evolve

from homeserver.core.malformed import Malformed
from homeserver.core.registration import (
    Entry,
    RegistrationToken,
    is_registration_token,
    parse_device_id,
    parse_device_name,
    parse_password,
    registration_flows,
)

TOKEN = RegistrationToken("welcome", uses_allowed=2, uses=0, expires_ms=1000)


def test_a_token_ends_with_its_uses() -> None:
    """As many accounts as were allowed, and no more."""
    assert evolve(TOKEN, uses=1).is_valid(0)
    assert not evolve(TOKEN, uses=2).is_valid(0)


def test_a_token_ends_with_its_time() -> None:
    """The moment of expiry is too late."""
    assert TOKEN.is_valid(999)
    assert not TOKEN.is_valid(1000)


def test_a_token_without_limits_stays() -> None:
    """Neither uses nor time end what has no limit."""
    assert RegistrationToken("welcome", uses_allowed=None, uses=10**6, expires_ms=None).is_valid(2**53)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "ä", "a\n", 7, None, ["a"]])
def test_what_is_no_token(text: Any) -> None:
    """Registration tokens are opaque identifiers of up to 64 characters."""
    assert not is_registration_token(text)


def test_the_grammar_of_tokens() -> None:
    """Letters, digits and four marks."""
    assert is_registration_token("fBVFdqVE._~-" + "x" * 52)


def test_newcomers_need_a_token_where_one_is_required() -> None:
    """With tokens required, there is no way round them."""
    for email in ("no", "may", "must"):
        for terms in (False, True):
            flows = registration_flows(Entry(token=True, terms=terms, email=email))
            assert all("m.login.registration_token" in flow for flow in flows)
    assert registration_flows(Entry()) == (("m.login.dummy",),)


def test_no_flow_is_the_beginning_of_another() -> None:
    """Whatever newcomers are asked for, each flow can be walked to its end."""
    for token in (False, True):
        for terms in (False, True):
            for email in ("no", "may", "must"):
                flows = registration_flows(Entry(token, terms, email))
                assert not any(a != b and b[: len(a)] == a for a in flows for b in flows)


def test_an_address_is_offered_or_demanded() -> None:
    """Where it is demanded there is no flow without it."""
    assert registration_flows(Entry(email="may")) == (("m.login.dummy",), ("m.login.email.identity",))
    assert registration_flows(Entry(email="must")) == (("m.login.email.identity",),)


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 256, 7, None])
def test_bad_device_ids(text: Any) -> None:
    """A device ID fits a key and holds something."""
    with pytest.raises(Malformed):
        parse_device_id(text)


@pytest.mark.parametrize("text", [7, "a\0", "x" * 257, ["x"]])
def test_bad_device_names(text: Any) -> None:
    """A device's name is a short text."""
    with pytest.raises(Malformed):
        parse_device_name(text)


def test_a_device_may_be_nameless() -> None:
    """No name is not an empty one."""
    assert parse_device_name(None) is None


@pytest.mark.parametrize("text", [7, None, "x" * 1025, {}])
def test_bad_passwords(text: Any) -> None:
    """A password is a text that can be hashed in bounded time."""
    with pytest.raises(Malformed):
        parse_password(text)
