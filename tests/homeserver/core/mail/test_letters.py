"""Letters are whole, and nothing that users write gets into their heads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.letters import SUBJECT_CHARACTERS_MAX, Letter, Sender, encode_letter, one_line, parse_sender
from homeserver.core.malformed import Malformed
from tests.mail import body_of, parse_mail

ALICE = EmailAddress("alice@two.example")
TEA = Sender("Tea House", EmailAddress("tea@one.example"))
NOW_MS = 1_700_000_000_000


def encoded(letter: Letter) -> bytes:
    return encode_letter(letter, TEA, NOW_MS, "unique")


def test_the_heads_of_a_letter() -> None:
    """Who, to whom, when, which, and that a machine wrote it."""
    message = parse_mail(encoded(Letter(ALICE, "Tee für zwei", "text", "<p>html</p>", {"List-Unsubscribe": "<x>"})))

    assert str(message["from"]) == "Tea House <tea@one.example>"
    assert (str(message["to"]), str(message["subject"])) == (ALICE, "Tee für zwei")
    assert str(message["message-id"]) == "<unique@one.example>"
    assert message["date"].datetime.timestamp() * 1000 == NOW_MS
    assert message["auto-submitted"] == "auto-generated"
    assert message["list-unsubscribe"] == "<x>"
    assert message.get_content_type() == "multipart/alternative"
    assert (body_of(message).strip(), body_of(message, "html").strip()) == ("text", "<p>html</p>")


@given(st.text())
def test_nothing_gets_into_the_heads(text: str) -> None:
    """Whatever a user or room is called, the letter has the heads that it should have, and the subject is a line."""
    plain = parse_mail(encoded(Letter(ALICE, "x", "text", "html", {"X-Room": "x"})))
    message = parse_mail(encoded(Letter(ALICE, text, "text", "html", {"X-Room": text})))

    assert message.keys() == plain.keys()
    assert "\n" not in message["subject"]
    assert str(message["to"]) == ALICE
    assert body_of(message).strip() == "text"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_bodies_arrive_as_they_were(text: str) -> None:
    """Every character comes through, and no line begins with a dot on the way."""
    sent = encoded(Letter(ALICE, "x", f"|{text}|", "html"))

    assert body_of(parse_mail(sent)).rstrip("\n") == f"|{text}|"
    assert b"\n." not in sent


def test_one_line() -> None:
    """What would hide, turn or break a line becomes a space."""
    assert one_line(" a\r\nb\tc\u202ed\u2028e ") == "a b c d e"
    assert len(one_line("x" * 1000)) == SUBJECT_CHARACTERS_MAX


def test_senders() -> None:
    """A name and an address, or the address alone."""
    assert parse_sender("Tea House <tea@one.example>") == TEA
    assert parse_sender("tea@one.example") == Sender("", TEA.address)
    for bad in ("", "Tea", "Tea <tea>", "<>"):
        with pytest.raises(Malformed):
            parse_sender(bad)
