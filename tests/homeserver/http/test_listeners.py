"""Ports are opened, with and without TLS, and closed again."""

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from OpenSSL.SSL import TLS_CLIENT_METHOD, Connection, Context, WantReadError
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from homeserver.http.client.versions import VersionsEndpoints
from homeserver.http.listeners import CannotListen, ServerTLS, open_listeners
from homeserver.http.request import EdgeSite
from homeserver.http.settings import ListenerSettings, TLSFiles
from scripts.certificates import make_authority
from tests.client import a_site


def site_of(_: ListenerSettings) -> EdgeSite:
    return a_site(VersionsEndpoints({}))


class PortsTests(TestCase):
    async def test_ports_are_open_until_they_are_closed(self) -> None:
        """Each on its own address."""
        listeners = open_listeners([ListenerSettings(0), ListenerSettings(0, "::1")], site_of, reactor)
        self.addCleanup(listeners.close)

        hosts = [getattr(port.getHost(), "host", None) for port in listeners.ports]
        self.assertEqual(["127.0.0.1", "::1"], hosts)

    async def test_all_are_open_or_none(self) -> None:
        """A port that is taken is named, and the others are closed again."""
        first = open_listeners([ListenerSettings(0)], site_of, reactor)
        self.addCleanup(first.close)
        taken: Any = first.ports[0].getHost()
        closed: list[Any] = []
        with (
            patch("homeserver.http.listeners._close_again", closed.extend),
            self.assertRaises(CannotListen) as caught,
        ):
            open_listeners([ListenerSettings(0), ListenerSettings(taken.port)], site_of, reactor)
        for port in closed:
            await port.stopListening()

        self.assertIn(f"http://127.0.0.1:{taken.port} cannot be opened", str(caught.exception))
        self.assertEqual(1, len(closed))


class TLSTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def certificate(self, name: str) -> TLSFiles:
        issued = make_authority(self.folder).issue(name)
        return TLSFiles(issued.certificate, issued.private_key)

    def name_served(self, tls: ServerTLS) -> str:
        """The subject's alternative names of the certificate that a client is shown."""
        certificate = self.greeted(tls, Context(TLS_CLIENT_METHOD)).get_peer_certificate()
        assert certificate is not None
        return str(certificate.to_cryptography().extensions)

    def greeted(self, tls: ServerTLS, context: Context) -> Connection:
        """A client's end of a connection after the handshake."""
        server = tls.serverConnectionForTLS(None)  # type: ignore[arg-type]
        client = Connection(context, None)
        server.set_accept_state()
        client.set_connect_state()
        for one, other in ((client, server), (server, client)) * 3:
            with contextlib.suppress(WantReadError):
                one.do_handshake()
            with contextlib.suppress(WantReadError):
                other.bio_write(one.bio_read(65536))
        return client

    def test_http_1_1_is_what_is_spoken(self) -> None:
        """Clients that offer protocols, as browsers do, are told which; those that know only others are told none."""
        tls = ServerTLS.load(self.certificate("a.example"))
        for offered, chosen in (([b"h2", b"http/1.1"], b"http/1.1"), ([b"http/1.1"], b"http/1.1"), ([b"h2"], b"")):
            context = Context(TLS_CLIENT_METHOD)
            context.set_alpn_protos(offered)
            client = self.greeted(tls, context)

            self.assertEqual(chosen, client.get_alpn_proto_negotiated())
            self.assertIsNotNone(client.get_peer_certificate())

    def test_a_renewed_certificate_is_shown_after_a_reload(self) -> None:
        """Without closing the port."""
        old, new = self.certificate("old.example"), self.certificate("new.example")
        tls = ServerTLS.load(old)
        before = self.name_served(tls)
        old.certificate.write_bytes(new.certificate.read_bytes())
        old.private_key.write_bytes(new.private_key.read_bytes())
        tls.reload()

        self.assertIn("old.example", before)
        self.assertIn("new.example", self.name_served(tls))

    def test_files_that_do_not_serve_are_named(self) -> None:
        """Missing, empty, garbled, or of two different certificates; and what was loaded stays."""
        good, other = self.certificate("a.example"), self.certificate("b.example")
        tls = ServerTLS.load(good)
        empty = self.folder / "empty"
        empty.write_bytes(b"")
        garbled = self.folder / "garbled"
        garbled.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        for files, text in (
            (TLSFiles(self.folder / "none", good.private_key), "cannot be read"),
            (TLSFiles(empty, good.private_key), "holds no certificate"),
            (TLSFiles(garbled, good.private_key), "cannot be read"),
            (TLSFiles(good.certificate, empty), "is not the private key of"),
            (TLSFiles(good.certificate, other.private_key), "is not the private key of"),
        ):
            with self.subTest(text=text), self.assertRaises(CannotListen) as caught:
                ServerTLS.load(files)
            self.assertIn(text, str(caught.exception))
        good.certificate.write_bytes(b"")
        with self.assertRaises(CannotListen):
            tls.reload()
        self.assertIn("a.example", self.name_served(tls))
