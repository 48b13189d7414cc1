"""Account data and tags."""

from typing import Any

import pytest

from homeserver.core.account_data import parse_tag, parse_tag_name, parse_type, tags_of
from homeserver.core.malformed import Malformed


@pytest.mark.parametrize("order", [0, 1, 0.5])
def test_an_order_lies_between_0_and_1(order: float) -> None:
    """Both ends count."""
    assert parse_tag({"order": order, "org.example.color": "red"}) == {"order": order, "org.example.color": "red"}


@pytest.mark.parametrize("order", ["0.5", True, -0.1, 1.1, [], {}])
def test_other_orders_are_refused(order: Any) -> None:
    """An order outside the range, or no number, is bad JSON."""
    with pytest.raises(Malformed):
        parse_tag({"order": order})


def test_a_tag_needs_no_order() -> None:
    """A tag without an order sorts last; null counts as none."""
    assert parse_tag({}) == {}
    assert parse_tag({"order": None}) == {}


@pytest.mark.parametrize("name", ["", "u." + "x" * 254, "u.\0", "ü" * 128])
def test_names_of_tags_have_a_length(name: str) -> None:
    """At most 255 bytes, not characters; and not nothing."""
    with pytest.raises(Malformed):
        parse_tag_name(name)


def test_types_are_names_too() -> None:
    """A type of 255 bytes passes, an empty one does not."""
    assert parse_type("x" * 255)
    with pytest.raises(Malformed):
        parse_type("")


@pytest.mark.parametrize("content", [{}, {"tags": None}, {"tags": []}, {"tags": {"m.favourite": 1}}])
def test_an_m_tag_that_is_none_has_no_tags(content: Any) -> None:
    """Clients may write anything as account data; what is no tag is not listed."""
    assert tags_of(content) == {}


def test_tags_are_read() -> None:
    """The well-formed tags of an m.tag are listed."""
    assert tags_of({"tags": {"u.work": {"order": 0.5}, "u.bad": 3}}) == {"u.work": {"order": 0.5}}
