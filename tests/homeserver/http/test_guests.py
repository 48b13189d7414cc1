"""Tests of what guests may ask for: homeserver/http/authentication.py held against the spec's own table."""

import re
from unittest import TestCase

from homeserver.http.authentication import GUESTS_MAY
from homeserver.http.spec import CLIENT
from tests.spec_schemas import SPEC, is_present

BESIDE = {
    "getVersions", "getCapabilities", "defineFilter", "getFilter", "getPushRules", "joinRoom", "getJoinedRooms",
    "logout", "logout_all", "deactivateAccount", "register",
}  # fmt: skip


class GuestTests(TestCase):
    def test_guests_may_ask_for_what_the_spec_lists(self) -> None:
        """All of that, and of the rest only what clients ask before and around it."""
        if not is_present():
            self.skipTest("there is no spec beside the project")
        text = (SPEC / "content/client-server-api/modules/guest_access.md").read_text()
        listed = set()
        for method, path in re.findall(r"\[(GET|PUT|POST|DELETE) (/[^\]]+)\]", text):
            pattern = re.sub(r"\{\w+\}|displayname", "{}", path)
            listed |= {
                row.id
                for row in CLIENT.values()
                if row.method == method
                and re.sub(r"\{\w+\}", "{}", row.path).endswith(pattern)
                and not row.path.startswith("/_matrix/media")
            }

        self.assertEqual(set(), listed - GUESTS_MAY - {"getProfileField"})
        self.assertEqual(BESIDE, set(GUESTS_MAY - listed))
