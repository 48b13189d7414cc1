"""
One connection, on which requests come one after the other.

Beside what twisted.web does: a head may be long, one that is too long is answered, and what is sent goes out at once.
"""

from typing import Final, cast

from twisted.internet import tcp
from twisted.internet.interfaces import IAddress, ITransport
from twisted.web.http import HTTPChannel

HEAD_BYTES_MAX: Final = 256 * 1024
"""Of a request: its line and its headers."""
_REASON: Final = b'{"errcode":"M_TOO_LARGE","error":"The head of this request is too long."}'
_HEAD_TOO_LONG: Final = (
    b"HTTP/1.1 414 URI Too Long\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_REASON), _REASON)
)


class EdgeChannel(HTTPChannel):
    """One connection: who is at its ends is looked up once, and what is sent does not wait for the reactor's turn."""

    # Clients put whole filters into the query of a sync, which name rooms.
    MAX_LENGTH = HEAD_BYTES_MAX
    totalHeadersSize = HEAD_BYTES_MAX
    _peer: IAddress
    _host: IAddress

    def connectionMade(self) -> None:
        transport = cast(ITransport, self.transport)
        self._peer, self._host = transport.getPeer(), transport.getHost()
        super().connectionMade()

    def getPeer(self) -> IAddress:
        return self._peer

    def getHost(self) -> IAddress:
        return self._host

    def lineLengthExceeded(self, line: bytes) -> None:
        """The client is told why the connection ends."""
        transport = cast(ITransport, self.transport)
        transport.write(_HEAD_TOO_LONG)
        transport.loseConnection()

    def send(self, data: bytes) -> None:
        """As much as the connection takes is sent now, and the rest as soon as it takes more."""
        transport = cast(ITransport, self.transport)
        # Otherwise the reactor would have to find out first that the connection takes something.  Whether it is broken
        # or about to end is left to the reactor: it hears that from its own call alone.
        if isinstance(transport, tcp.Connection) and transport.connected and not _has_to_wait(transport):
            sent = transport.writeSomeData(data)
            data = data[sent:] if isinstance(sent, int) else data
        if data:
            transport.write(data)


def _has_to_wait(transport: tcp.Connection) -> bool:
    """Whether something else is to be sent before, or nothing any more; Twisted has no public name for all of it."""
    return bool(transport.disconnecting or transport.dataBuffer or transport._tempDataBuffer)
