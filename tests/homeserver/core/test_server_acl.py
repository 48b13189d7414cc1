"""Which servers an ACL lets in."""

import pytest

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.server_acl import server_acl_of


@pytest.mark.parametrize(
    ("content", "server", "admitted"),
    [
        ({"allow": ["*"]}, "example.org", True),
        ({"allow": ["*"], "deny": ["evil.com"]}, "evil.com", False),
        ({"allow": ["*"], "deny": ["evil.com"]}, "evil.com:8448", False),
        ({"allow": ["*"], "deny": ["EVIL.com"]}, "Evil.Com:1234", False),
        ({"allow": ["*"], "deny": ["*.evil.com"]}, "a.b.evil.com", False),
        ({"allow": ["*"], "deny": ["*.evil.com"]}, "evil.com", True),
        ({"allow": ["*.org"], "deny": []}, "example.com", False),
        ({"allow": ["matrix-?.example.org"]}, "matrix-7.example.org", True),
        ({"allow": ["matrix-?.example.org"]}, "matrix-77.example.org", False),
        ({"deny": ["evil.com"]}, "good.com", False),
        ({}, "good.com", False),
        ({"allow": "*"}, "good.com", False),
        ({"allow": [1, "*"], "deny": [None]}, "good.com", True),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.4", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.4:8448", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "[::1]:8448", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "[2001:db8::1]", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "1.2.3.4.example.org", True),
        ({"allow": ["*"], "allow_ip_literals": "false"}, "1.2.3.4", True),
        ({"allow": ["*"]}, "[::1]", True),
        ({"allow": ["*"], "deny": ["[2001:db8:*"]}, "[2001:db8::1]:8448", False),
    ],
)
def test_admission(content: JSONObject, server: str, admitted: bool) -> None:
    """Literals first, then denied, then allowed, then nobody; ports and case never count."""
    assert server_acl_of(content).admits(ServerName(server)) is admitted
