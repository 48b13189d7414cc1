"""
The file that holds the key with which this server signs events and requests.

One line, as other homeservers write it: ``ed25519 NAME SEED``, the seed in unpadded base64.
"""

import os
import secrets
from pathlib import Path

from conf.reading import SettingsError
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import ALGORITHM, SEED_BYTES, SigningKey
from homeserver.core.unpadded_base64 import encode_base64, parse_base64

FILE_NAME = "signing.key"


def signing_key_in(data_dir: Path) -> SigningKey:
    """The key of the folder, made if there is none yet; so is the folder.  Raises SettingsError."""
    file = data_dir / FILE_NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make(file)
        return _parse(file, file.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise SettingsError([f"data_dir: {error.filename} cannot be used: {error.strerror}."]) from error


def _make(file: Path) -> None:
    """Writes a new key; all of it or nothing, and readable by the server alone."""
    line = f"{ALGORITHM} {secrets.token_hex(3)} {encode_base64(secrets.token_bytes(SEED_BYTES))}\n"
    draft = file.with_name(f"{FILE_NAME}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, file)  # and not a rename: another process may have made the key meanwhile
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _parse(file: Path, text: str) -> SigningKey:
    words = text.split()
    if len(words) != 3 or words[0] != ALGORITHM:
        raise SettingsError([f"{file} must hold one line: {ALGORITHM} NAME SEED."])
    try:
        return SigningKey.from_seed(f"{ALGORITHM}:{words[1]}", parse_base64(words[2]))
    except Malformed as error:
        raise SettingsError([f"{file} holds no key: {error}"]) from error
