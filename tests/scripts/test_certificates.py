"""Tests of scripts.certificates."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from scripts.certificates import ServerCertificate, make_authority


def shake_hands(server: ServerCertificate, trusted: Path, host: str) -> None:
    """A client that trusts *trusted* greets a server as *host*.  Raises ssl.SSLError."""
    ours, theirs = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.private_key)

    def serve() -> None:
        with theirs:
            try:
                context.wrap_socket(theirs, server_side=True).close()
            except OSError:
                return  # the client tells why

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours:
            ssl.create_default_context(cafile=str(trusted)).wrap_socket(ours, server_hostname=host).close()
    finally:
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "chat.example.org"])
def test_a_server_is_trusted_under_its_name(tmp_path: Path, host: str) -> None:
    """IP literals and DNS names alike are what the certificate says it is for."""
    authority = make_authority(tmp_path)

    shake_hands(authority.issue(host, "localhost"), authority.certificate, host)


def test_another_name_is_not_trusted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        shake_hands(authority.issue("127.0.0.1"), authority.certificate, "127.0.0.2")


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    server = make_authority(tmp_path / "other").issue("127.0.0.1")

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server, make_authority(tmp_path).certificate, "127.0.0.1")


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    issued = make_authority(tmp_path).issue("127.0.0.1")

    assert issued.private_key.stat().st_mode & 0o077 == 0
