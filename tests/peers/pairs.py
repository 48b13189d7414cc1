"""Which homeservers are put together, and how a pair of them is started: each behind a link that can be cut."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from scripts.certificates import make_authority
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.link import Link
from scripts.laboratory.synapse import make_synapse

SERVER_PAIRS: Final = (("folkmoot", "folkmoot"), ("folkmoot", "synapse"))
"""The default run; FOLKMOOT_TEST_PAIRS="synapse-synapse" replaces it for one run, to judge the scenarios themselves."""

_MAKERS: Final[dict[str, Callable[..., Homeserver]]] = {"folkmoot": make_folkmoot, "synapse": make_synapse}


@frozen
class Pair:
    """Two running homeservers and the links before them; *left* lives on 127.0.0.1, *right* on 127.0.0.2."""

    left: Homeserver
    right: Homeserver
    links: tuple[Link, Link]

    def cut(self) -> None:
        """Neither server reaches the other; their clients still reach them."""
        for link in self.links:
            link.cut()

    def heal(self) -> None:
        for link in self.links:
            link.heal()


def chosen_pairs() -> list[tuple[str, str]]:
    """The pairs of this run."""
    chosen = os.environ.get("FOLKMOOT_TEST_PAIRS")
    if not chosen:
        return list(SERVER_PAIRS)
    return [(left, right) for left, _, right in (pair.partition("-") for pair in chosen.split(","))]


@contextmanager
def running_pair(kinds: tuple[str, str], directory: Path) -> Iterator[Pair]:
    """Two servers of *kinds* for the time of the block.  Raises Unavailable when a kind is not installed."""
    authority = make_authority(directory)
    with ExitStack() as stack:
        servers: list[Homeserver] = []
        links: list[Link] = []
        for kind, host in zip(kinds, ("127.0.0.1", "127.0.0.2"), strict=True):
            link = Link(host)
            stack.callback(link.close)
            place = find_place(directory / f"{kind}-{host}", authority, host, public_port=link.port)
            link.point_at(place.tls_port)
            servers.append(_MAKERS[kind](place))
            links.append(link)
        for server in servers:
            stack.callback(server.stop)
            server.launch()
        for server in servers:
            server.wait()
        yield Pair(servers[0], servers[1], (links[0], links[1]))
