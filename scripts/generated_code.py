"""
The methods that attrs and cattrs write for our classes are compiled once, not at every start.

Both write the source of functions while modules are imported, a thousand times, and Python compiles each: a fifth of a
server's start.  Python keeps its own bytecode in ``__pycache__``, and here these go to a file beside it, each by a
digest of all that it was compiled from: what is found there is what the compiler would have made, whichever version of
a library wrote the source.  One thing alone is changed: attrs writes a number into each ``__hash__`` that tells classes
apart and that Python draws anew for each process; here it is the same in all.

Where the file is missing, is of another Python or cannot be written, all is compiled.
``python -m scripts.lean`` writes the file where Python is told to write no bytecode.
"""

import builtins
import marshal
import os
import re
from contextlib import suppress
from hashlib import blake2b
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any, Final
from zlib import crc32

from attrs import define, field

_HASHES: Final = "hash(("
"""Sources without it hold no such number, and need not be searched for one."""
_CLASS_NUMBER: Final = re.compile(r"(?<=hash\(\(\n)( +)-?\d+(?=,\n)")
FILE: Final = Path(cache_from_source(__file__)).with_suffix(".generated")


@define(eq=False)
class GeneratedCode:
    """What was compiled from generated sources, kept in *file* from one start to the next."""

    file: Path
    _kept: dict[bytes, CodeType] = field(init=False, factory=dict)
    """By the digests of their sources; empty where there is nothing that can be used."""
    _used: set[bytes] = field(init=False, factory=set)
    _compiled: dict[bytes, CodeType] = field(init=False, factory=dict)
    """What was not there."""

    @property
    def compiled(self) -> int:
        """How many were not at hand."""
        return len(self._compiled)

    def load(self) -> None:
        """What was kept is at hand."""
        self._kept = self._read()

    def compile(self, source: str, filename: str, mode: str, *others: Any) -> Any:
        """As the function of that name that comes with Python."""
        if others or mode != "exec" or not isinstance(source, str):
            return builtins.compile(source, filename, mode, *others)
        if _HASHES in source:
            source = _CLASS_NUMBER.sub(lambda found: f"{found[1]}{crc32(filename.encode())}", source)
        digest = blake2b(f"{filename}\0{source}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._used.add(digest)
        code = self._kept.get(digest) or self._compiled.get(digest)
        if code is None:
            code = self._compiled[digest] = builtins.compile(source, filename, mode, dont_inherit=True)
        return code

    def forget(self) -> None:
        """Nothing is at hand any more: what is in use is kept by those who use it."""
        self._kept, self._used, self._compiled = {}, set(), {}

    def keep(self) -> None:
        """The next start finds what this one used, if that was not there and the file can be written."""
        if not self._compiled:
            return
        whole = {digest: code for digest, code in self._kept.items() if digest in self._used} | self._compiled
        new = self.file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self.file.parent.mkdir(exist_ok=True)
            new.write_bytes(MAGIC_NUMBER + marshal.dumps(whole))
            new.replace(self.file)

    def _read(self) -> dict[bytes, CodeType]:
        with suppress(OSError, EOFError, ValueError, TypeError):
            content = self.file.read_bytes()
            kept = marshal.loads(content[len(MAGIC_NUMBER) :]) if content.startswith(MAGIC_NUMBER) else None
            if isinstance(kept, dict):
                return kept
        return {}
