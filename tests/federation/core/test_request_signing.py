"""Tests of federation/core/request_signing.py."""

import string
from typing import Any
from unittest import TestCase

import orjson
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from federation.core.request_signing import (
    Request,
    RequestSignature,
    may_be_signed_otherwise,
    parse_authorization,
    sign_request,
    signed_request,
)
from homeserver.core.canonical import encode_canonical
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import is_signed_by
from tests.builders import signing_key

ONE, TWO = ServerName("one.example:8448"), ServerName("[2001:db8::2]")
KEY = signing_key(ONE)
JSON_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def holds(header: str, method: str, target: str, destination: ServerName, content: Any) -> bool:
    """Whether the receiver of the header takes the request as signed."""
    signature = parse_authorization(header)
    signed = signed_request(signature, method, target, destination, content)
    return is_signed_by(signed, signature.origin, signature.key_id, KEY.verify_key)


class RequestSigningTests(TestCase):
    """Requests between servers."""

    @given(st.dictionaries(st.text(), JSON_VALUES, max_size=3))
    def test_what_is_signed_is_verified(self, content: dict[str, Any]) -> None:
        """The receiver parses the body, and finds the signature over it good."""
        header = sign_request(Request(ONE, TWO, "PUT", "/x?y=1", encode_canonical(content)), KEY)

        self.assertTrue(holds(header, "PUT", "/x?y=1", TWO, content))

    def test_every_part_is_signed(self) -> None:
        """Another method, target, receiver, sender or body is another request."""
        header = sign_request(Request(ONE, TWO, "PUT", "/x?y=1", b'{"a":1}'), KEY)
        self.assertTrue(holds(header, "PUT", "/x?y=1", TWO, {"a": 1}))

        self.assertFalse(holds(header, "POST", "/x?y=1", TWO, {"a": 1}))
        self.assertFalse(holds(header, "PUT", "/x", TWO, {"a": 1}))
        self.assertFalse(holds(header, "PUT", "/x?y=1", ONE, {"a": 1}))
        self.assertFalse(holds(header, "PUT", "/x?y=1", TWO, {"a": 2}))
        self.assertFalse(holds(header, "PUT", "/x?y=1", TWO, None))
        self.assertFalse(holds(header.replace("one.example", "six.example"), "PUT", "/x?y=1", TWO, {"a": 1}))

    def test_small_numbers_are_signed_as_the_reference_library_writes_them(self) -> None:
        """In old rooms events hold them; servers differ in how they write them."""
        header = sign_request(Request(ONE, TWO, "PUT", "/x", b'{"a":0.00001}'), KEY)

        self.assertTrue(holds(header, "PUT", "/x", TWO, orjson.Fragment(b'{"a":1e-05}')))
        self.assertTrue(may_be_signed_otherwise(b'{"a":1E-7}'))
        self.assertFalse(may_be_signed_otherwise(b'{"a":"one - two","b":12.25,"c":-7}'))

    def test_a_request_without_body_signs_none(self) -> None:
        """Nothing stands for the body of a GET; an empty object is a body."""
        header = sign_request(Request(ONE, TWO, "GET", "/x"), KEY)

        self.assertTrue(holds(header, "GET", "/x", TWO, None))
        self.assertFalse(holds(header, "GET", "/x", TWO, {}))

    def test_the_header_suits_old_servers(self) -> None:
        """One space, lower-case names, no spaces around commas, all quoted.  Spec: #request-authentication"""
        header = sign_request(Request(ONE, TWO, "GET", "/x"), KEY)

        self.assertRegex(
            header,
            r'\AX-Matrix origin="one\.example:8448",destination="\[2001:db8::2\]",'
            r'key="ed25519:test",sig="[A-Za-z0-9+/]+"\Z',
        )

    def test_all_forms_of_the_header_are_read(self) -> None:
        """Quotes or none, spaces and tabs, any case, any order, escapes, unknown parameters, no destination."""
        expected = RequestSignature(ONE, TWO, "ed25519:test", "AbC+/1")
        forms = [
            'X-Matrix origin="one.example:8448",destination="[2001:db8::2]",key="ed25519:test",sig="AbC+/1"',
            "X-Matrix origin=one.example:8448,destination=[2001:db8::2],key=ed25519:test,sig=AbC+/1",
            'x-matrix   SIG="AbC+/1" \t, Key=ed25519:test ,\tdestination="[2001:db8::2]",origin=one.example:8448',
            r'X-Matrix origin="one\.example:\8448",destination="[2001:db8::2]",key="ed25519:test",sig="AbC+/1"'
            r',new="a\"b,c"',
        ]
        for form in forms:
            with self.subTest(form=form):
                self.assertEqual(expected, parse_authorization(form))
        without = 'X-Matrix origin="one.example:8448",key="ed25519:test",sig="AbC+/1"'
        self.assertEqual(evolve(expected, destination=None), parse_authorization(without))

    def test_what_is_no_such_header_is_refused(self) -> None:
        """With the code of a request that is not authorized."""
        good = 'origin="one.example",destination="two.example",key="ed25519:test",sig="AbC"'
        bad = [
            "",
            "Bearer abc",
            "X-Matrix",
            "X-Matrix origin",
            'X-Matrix origin="one.example"',
            f"X-Matrix {good},sig=AbC",
            f"X-Matrix {good} trailing",
            good.replace("one.example", "not a name").join(["X-Matrix ", ""]),
            'X-Matrix origin="one.example,key="ed25519:test",sig="AbC"',
        ]
        for header in bad:
            with self.subTest(header=header):
                with self.assertRaises(Malformed) as caught:
                    parse_authorization(header)
                self.assertEqual("M_UNAUTHORIZED", caught.exception.code)

    @given(st.text(string.printable, max_size=200))
    def test_any_header_is_read_or_refused(self, text: str) -> None:
        """Nothing else can happen."""
        try:
            parse_authorization("X-Matrix " + text)
        except Malformed:
            return
