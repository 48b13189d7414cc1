"""One server on one database, for the time of a trial."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from scripts.certificates import make_authority
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import Homeserver, find_place
from scripts.laboratory.synapse import make_synapse
from scripts.postgresql import throwaway_cluster

MAKERS: Final[dict[str, Callable[..., Homeserver]]] = {"folkmoot": make_folkmoot, "synapse": make_synapse}
DATABASES: Final = ("sqlite", "postgresql")


@contextmanager
def running_server(kind: str = "folkmoot", database: str = "sqlite") -> Iterator[Homeserver]:
    """A fresh server that answers; it and all its files are gone after the block."""
    directory = Path(tempfile.mkdtemp(prefix=f"folkmoot-trial-{kind}-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        url: str | None = None
        if database == "postgresql":
            url = stack.enter_context(throwaway_cluster()).create_database(kind)
        server = MAKERS[kind](find_place(directory / "server", make_authority(directory), database_url=url))
        stack.callback(server.stop)
        server.start()
        yield server
