"""Addresses have one form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.mail.addresses import EMAIL, domain_of, folded_address, is_allowed, parse_address
from homeserver.core.malformed import Malformed


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Alice@Two.Example", "alice@two.example"),
        (" a.b+tea@two.example ", "a.b+tea@two.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_capitals_and_scripts_do_not_count(text: str, folded: str) -> None:
    """What is typed in two ways is one address."""
    assert parse_address(text) == folded
    assert folded_address(EMAIL, text) == folded


@pytest.mark.parametrize(
    "text",
    [
        None, 7, "", "@", "alice", "@two.example", "alice@", "a b@two.example", "a@two example", "a@-two.example",
        "a@two..example", ".a@two.example", "a.@two.example", '"a"@two.example', "a@[127.0.0.1]", "a\r\nb@two.example",
        "a@two.example\nBcc: b@two.example", "a@two.example>", "<a@two.example", "a,b@two.example", "ä@two.example",
        "x" * 65 + "@two.example", "a@" + ".".join(["x" * 60] * 5), "a@b@two.example", "a@two.example\0",
    ],
)  # fmt: skip
def test_what_no_mail_can_be_sent_to(text: Any) -> None:
    """Nothing that could end a line, or name a second recipient, is an address."""
    with pytest.raises(Malformed):
        parse_address(text)


@given(st.text())
def test_folding_is_done_once(text: str) -> None:
    """Folding again changes nothing, whatever was typed."""
    folded = folded_address(EMAIL, text)
    assert folded_address(EMAIL, folded) == folded


def test_telephones_are_left_alone() -> None:
    """Only mail has domains."""
    assert folded_address("msisdn", "447700900001") == "447700900001"


def test_domains_are_allowed_by_name() -> None:
    """A domain stands for itself, not for what is below it, nor for what ends alike."""
    address = parse_address("alice@two.example")

    assert domain_of(address) == "two.example"
    assert is_allowed(address, ())
    assert is_allowed(address, ("one.example", "TWO.example"))
    assert not is_allowed(address, ("example", "o.example", "a.two.example"))
