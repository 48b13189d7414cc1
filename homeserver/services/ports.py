"""
What the services of this package need of higher ones, and how other servers fail them.

A port is a Protocol; a higher package implements it, and ``scripts/serve.py`` connects the two.
"""


class PeerUnreachable(Exception):
    """Nobody answered: another server could not be found, connected to or understood as one, or took too long."""

    def __init__(self, peer: str, reason: str) -> None:
        super().__init__(f"{peer}: {reason}")
        self.peer = peer
        self.reason = reason


class PeerFault(Exception):
    """
    Another server answered, and not with what was asked for.

    *status* is its HTTP status, *errcode* its error code (empty: none), *body* the JSON it sent (None: none).
    """

    def __init__(self, peer: str, status: int, errcode: str = "", body: object = None) -> None:
        super().__init__(f"{peer} answered {status} {errcode}".rstrip())
        self.peer = peer
        self.status = status
        self.errcode = errcode
        self.body = body
