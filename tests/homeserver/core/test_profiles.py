"""Profile fields."""

from typing import Any

import pytest

from homeserver.core.malformed import Malformed
from homeserver.core.profiles import check_size, is_unset, parse_field, parse_field_name


@pytest.mark.parametrize("name", ["displayname", "avatar_url", "m.tz", "org.example.job_title", "m.example_field"])
def test_spec_and_namespaced_names_are_fields(name: str) -> None:
    """The three names of the spec and any namespaced one may be set."""
    assert parse_field_name(name) == name


@pytest.mark.parametrize("name", ["", "job", "Org.example", "org.", ".org", "org..x", "org.exa mple", "m.tz\n", "ä.b"])
def test_other_names_are_refused(name: str) -> None:
    """Names outside the grammar are no fields."""
    with pytest.raises(Malformed) as refused:
        parse_field_name(name)

    assert refused.value.code == "M_INVALID_PARAM"


def test_names_have_a_length() -> None:
    """A name of 255 bytes passes, one of 256 does not."""
    assert parse_field_name("a." + "b" * 253)
    with pytest.raises(Malformed) as refused:
        parse_field_name("a." + "b" * 254)

    assert refused.value.code == "M_KEY_TOO_LARGE"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("displayname", {}, "M_MISSING_PARAM"),
        ("displayname", {"avatar_url": "mxc://a/b"}, "M_MISSING_PARAM"),
        ("displayname", {"displayname": "Alice", "m.tz": "Europe/Paris"}, "M_BAD_JSON"),
        ("displayname", {"displayname": 7}, "M_BAD_JSON"),
        ("displayname", {"displayname": None}, "M_BAD_JSON"),
        ("displayname", {"displayname": "a" * 257}, "M_INVALID_PARAM"),
        ("avatar_url", {"avatar_url": "https://example.org/a.png"}, "M_INVALID_PARAM"),
        ("m.tz", {"m.tz": ["Europe/Paris"]}, "M_BAD_JSON"),
    ],
)
def test_bad_values_are_refused(name: str, body: Any, code: str) -> None:
    """A body holds the field of the path alone, of the type the spec gives it."""
    with pytest.raises(Malformed) as refused:
        parse_field(name, body)

    assert refused.value.code == code


@pytest.mark.parametrize("value", [None, 1, 1.5, True, "x", [], {"a": [1]}])
def test_custom_fields_hold_any_json(value: Any) -> None:
    """What a namespaced field holds is its owner's business; null is a value."""
    assert parse_field("org.example.x", {"org.example.x": value}) == value
    assert not is_unset("org.example.x", value)


def test_an_empty_display_name_is_none() -> None:
    """The old way to take a name away."""
    assert is_unset("displayname", parse_field("displayname", {"displayname": ""}))


def test_a_profile_stays_under_its_size() -> None:
    """The whole profile counts: 64 KiB is too much, one byte less is not."""
    overhead = len(b'{"a.b":""}')
    check_size({"a.b": "x" * (64 * 1024 - overhead - 1)})
    with pytest.raises(Malformed) as refused:
        check_size({"a.b": "x" * (64 * 1024 - overhead)})

    assert refused.value.code == "M_PROFILE_TOO_LARGE"
