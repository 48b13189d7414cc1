"""
What a good password is, as far as a server can say.

Spec: client-server-api#password-management
"""

from collections.abc import Container

from attrs import frozen


@frozen
class PasswordRules:
    """What a password must have."""

    length_min: int = 1
    digit: bool = False
    symbol: bool = False
    lowercase: bool = False
    uppercase: bool = False


def weakness_of(password: str, rules: PasswordRules, common: Container[str] = ()) -> str | None:
    """
    The first thing that is wrong with *password*, as a sentence for its user; None: nothing.

    *common*: passwords that are tried first by who guesses, in small letters.
    """
    if len(password) < rules.length_min:
        return f"A password has at least {rules.length_min} characters."
    if rules.digit and not any(each.isdigit() for each in password):
        return "A password has at least one digit."
    if rules.lowercase and not any(each.islower() for each in password):
        return "A password has at least one small letter."
    if rules.uppercase and not any(each.isupper() for each in password):
        return "A password has at least one capital letter."
    if rules.symbol and not any(not each.isalnum() for each in password):
        return "A password has at least one character that is neither letter nor digit."
    if password.lower() in common:
        return "This password is among those that are guessed first."
    return None
