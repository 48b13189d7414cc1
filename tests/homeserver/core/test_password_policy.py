"""What a good password is."""

import pytest

from homeserver.core.password_policy import PasswordRules, weakness_of

STRICT = PasswordRules(length_min=8, digit=True, symbol=True, lowercase=True, uppercase=True)


@pytest.mark.parametrize(
    ("password", "lacks"),
    [
        ("aA1!", "8 characters"),
        ("aaaaAAA!", "digit"),
        ("AAAA111!", "small letter"),
        ("aaaa111!", "capital letter"),
        ("aaaaAA11", "neither letter nor digit"),
    ],
)
def test_what_is_wanting_is_said(password: str, lacks: str) -> None:
    """One sentence, for its user."""
    assert lacks in (weakness_of(password, STRICT) or "")


@pytest.mark.parametrize("password", ["aaaAA11!", "ÄÖÜß 123 äö", "correct Horse 7 battery"])
def test_good_ones_pass(password: str) -> None:
    """Letters of any script count."""
    assert weakness_of(password, STRICT) is None


def test_nothing_is_asked_unless_it_is() -> None:
    """The rules are the administrator's."""
    assert weakness_of("x", PasswordRules()) is None


def test_common_ones_are_refused_in_any_case() -> None:
    """A capital makes none of them better."""
    assert weakness_of("Password1", PasswordRules(), {"password1"}) is not None
    assert weakness_of("Password2", PasswordRules(), {"password1"}) is None
