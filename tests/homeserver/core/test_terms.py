"""Policies that newcomers accept."""

import pytest

from homeserver.core.terms import Policy, Translation, parse_accepted, policies_json

ENGLISH = Translation("en", "Privacy", "https://one.example/en")
GERMAN = Translation("de", "Datenschutz", "https://one.example/de")


def test_policies_as_clients_read_them() -> None:
    """By ID, with the version beside the languages."""
    assert policies_json([Policy("privacy", "1.2", (ENGLISH, GERMAN))]) == {
        "privacy": {
            "version": "1.2",
            "en": {"name": "Privacy", "url": "https://one.example/en"},
            "de": {"name": "Datenschutz", "url": "https://one.example/de"},
        }
    }


def test_what_was_accepted_is_read_again() -> None:
    """Policy by policy, with its version."""
    assert parse_accepted('{"privacy":"1.2"}') == {"privacy": "1.2"}


def test_bad_settings_are_named() -> None:
    """Each says what is wrong with it."""
    with pytest.raises(ValueError, match="id must be"):
        Policy("pri vacy", "1", (ENGLISH,))
    with pytest.raises(ValueError, match="translations must name"):
        Policy("privacy", "1", ())
    with pytest.raises(ValueError, match="each once"):
        Policy("privacy", "1", (ENGLISH, ENGLISH))
    with pytest.raises(ValueError, match="url must start"):
        Translation("en", "Privacy", "javascript:x")
    with pytest.raises(ValueError, match="language must be"):
        Translation("version!", "Privacy", "https://one.example")
