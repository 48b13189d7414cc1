"""JSON becomes values strictly, and what is wrong is said with its path."""

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from attrs import field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.malformed import Malformed
from homeserver.http.bodies import body_parser, json_key


class Kind(Enum):
    GOOD = "good"


def parse_even(value: object) -> int:
    if not isinstance(value, int) or value % 2:
        raise Malformed("This must be even.")
    return value


@frozen
class Leaf:
    count: int
    users: tuple[UserID, ...] = ()


@frozen
class Body:
    name: str | None = None
    from_: str | None = None
    leaf: Leaf | None = None
    leaves: list[Leaf] = field(factory=list)
    named: dict[str, Leaf] = field(factory=dict, metadata=json_key("m.named"))
    kind: Kind = Kind.GOOD
    letter: Literal["a", "b"] = "a"
    tags: frozenset[str] = frozenset()
    ratio: float = 1.0
    on: bool = False
    free: JSONObject | None = None
    anything: JSON = None
    even: Annotated[int, parse_even] = 0
    small: int = field(default=1, validator=validators.le(10))


parse = body_parser(Body)


def test_everything_is_optional_where_it_has_a_default() -> None:
    """No body at all is the empty object, which this takes."""
    assert parse({}) == Body()


def test_a_whole_body() -> None:
    """Keys are the attributes' names, their own JSON keys, or without an underscore at the end."""
    body: JSON = {
        "name": "n",
        "from": "f",
        "leaf": {"count": 1, "users": ["@a:b"]},
        "leaves": [{"count": 2}],
        "m.named": {"x": {"count": 3}},
        "kind": "good",
        "letter": "b",
        "tags": ["t", "t"],
        "ratio": 1,
        "on": True,
        "free": {"a": [1.5]},
        "anything": [None],
        "even": 2,
        "unknown": "ignored",
    }

    assert parse(body) == Body(
        name="n",
        from_="f",
        leaf=Leaf(1, (UserID("@a:b"),)),
        leaves=[Leaf(2)],
        named={"x": Leaf(3)},
        letter="b",
        tags=frozenset({"t"}),
        ratio=1,
        on=True,
        free={"a": [1.5]},
        anything=[None],
        even=2,
    )


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ([], "", "M_BAD_JSON"),
        (None, "", "M_BAD_JSON"),
        ({"name": 3}, "name", "M_BAD_JSON"),
        ({"name": "a\0b"}, "name", "M_BAD_JSON"),
        ({"from": []}, "from", "M_BAD_JSON"),
        ({"leaf": {}}, "leaf.count", "M_MISSING_PARAM"),
        ({"leaf": {"count": True}}, "leaf.count", "M_BAD_JSON"),
        ({"leaf": {"count": 1.0}}, "leaf.count", "M_BAD_JSON"),
        ({"leaf": {"count": 2**53}}, "leaf.count", "M_BAD_JSON"),
        ({"leaf": {"count": 1, "users": ["@a:b", "x"]}}, "leaf.users[1]", "M_INVALID_PARAM"),
        ({"leaf": {"count": 1, "users": "@a:b"}}, "leaf.users", "M_BAD_JSON"),
        ({"leaves": [{"count": 1}, 2]}, "leaves[1]", "M_BAD_JSON"),
        ({"m.named": {"x": {"count": "1"}}}, "m.named.x.count", "M_BAD_JSON"),
        ({"m.named": []}, "m.named", "M_BAD_JSON"),
        ({"m.named": {"a\0": {"count": 1}}}, "m.named.a\0", "M_BAD_JSON"),
        ({"kind": "bad"}, "kind", "M_BAD_JSON"),
        ({"kind": ["good"]}, "kind", "M_BAD_JSON"),
        ({"letter": {}}, "letter", "M_BAD_JSON"),
        ({"tags": [1]}, "tags[0]", "M_BAD_JSON"),
        ({"ratio": "1"}, "ratio", "M_BAD_JSON"),
        ({"ratio": False}, "ratio", "M_BAD_JSON"),
        ({"on": 1}, "on", "M_BAD_JSON"),
        ({"free": []}, "free", "M_BAD_JSON"),
        ({"even": 1}, "even", "M_BAD_JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(body: JSON, path: str, code: str) -> None:
    """Nothing is coerced."""
    with pytest.raises(Malformed) as caught:
        parse(body)

    assert (caught.value.path, caught.value.code) == (path, code)


def test_what_the_class_itself_refuses_is_malformed() -> None:
    """An attrs validator is part of the grammar, though it does not say where."""
    with pytest.raises(Malformed):
        parse({"small": 11})


KEYS = st.sampled_from(["name", "from", "leaf", "leaves", "m.named", "kind", "count", "users", "even", "free"])
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(body=JSONS)
def test_any_json_is_a_body_or_malformed(body: Any) -> None:
    """Strangers send anything; nothing but Malformed comes of it."""
    try:
        parsed = parse(body)
    except Malformed:
        return

    assert isinstance(parsed, Body)


@frozen
class Quoted:
    inner: "Leaf"


@pytest.mark.parametrize("annotation", [int | str, list[int | str], Quoted])
def test_what_cannot_be_structured_is_known_at_import(annotation: Any) -> None:
    """A wrong declaration does not wait for the first request."""
    with pytest.raises(TypeError):
        body_parser(annotation)
