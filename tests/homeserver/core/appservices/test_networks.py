"""What application services tell of networks, and what of it clients are shown."""

from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.appservices.networks import (
    instance_id,
    locations_of,
    merged,
    parse_instance_id,
    protocol_of,
    users_of,
)

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["user_fields", "location_fields", "field_types", "instances", "network_id", "desc", "fields"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
IRC: Any = {"user_fields": ["nick"], "location_fields": [], "icon": "mxc://x/y", "field_types": {}}
LIBERA: Any = {"network_id": "libera", "desc": "Libera", "fields": {}}


class NetworksTests(TestCase):
    def test_instances_have_names_of_their_own(self) -> None:
        """Two services may have networks of one name."""
        names = [instance_id(service, "libera") for service in ("one", "two", "a|b")]

        self.assertEqual(3, len(set(names)))
        self.assertEqual([("one", "libera"), ("two", "libera"), ("a|b", "libera")], [*map(parse_instance_id, names)])
        self.assertEqual(("", ""), parse_instance_id("libera"))

    def test_one_protocol_of_several_services(self) -> None:
        """It is as the first describes it, with the instances of all."""
        one, two = (protocol_of({**IRC, "instances": [LIBERA]}, service) for service in ("one", "two"))
        assert one is not None
        assert two is not None
        whole = merged([one, two])
        assert whole is not None

        self.assertEqual([*one["instances"], *two["instances"]], whole["instances"])  # type: ignore[misc]
        self.assertIsNone(merged([]))

    def test_what_is_ill_formed_is_left_out(self) -> None:
        """A field type without its texts, an instance without a name, a place that is none."""
        kinds: Any = {"nick": {"regexp": ".*", "placeholder": "x"}, "bad": {"regexp": 1}, "worse": None}
        protocol = protocol_of({**IRC, "icon": None, "field_types": kinds, "instances": [LIBERA, {}, 1]}, "irc")
        assert protocol is not None

        self.assertEqual(("", {"nick": kinds["nick"]}), (protocol["icon"], protocol["field_types"]))
        self.assertEqual([{**LIBERA, "instance_id": "irc|libera"}], protocol["instances"])
        place: Any = {"alias": "#a:b", "protocol": "irc", "fields": {}}
        self.assertEqual([place], locations_of([place, {"alias": "#a:b"}, 7]))
        self.assertEqual([], users_of([place]))
        self.assertEqual([], users_of({"userid": "@a:b"}))

    @given(JSON)
    def test_nothing_that_is_answered_breaks_anything(self, answer: Any) -> None:
        """Whatever JSON it is."""
        protocol = protocol_of(answer, "irc")
        if protocol is not None:
            self.assertLessEqual(
                {"user_fields", "location_fields", "icon", "field_types", "instances"}, protocol.keys()
            )
        self.assertIsInstance(locations_of(answer), list)
