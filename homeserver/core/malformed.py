"""The one exception that parsing raises."""


class Malformed(Exception):
    """
    Input that breaks the grammar; raised by what parses, and by what checks or encodes a form for it.

    *reason* is a sentence for whoever sent it, *path* says where in the JSON (``content.users``; empty: the whole),
    *code* is the spec's error code.
    """

    def __init__(self, reason: str, path: str = "", code: str = "M_BAD_JSON") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path
        self.code = code
