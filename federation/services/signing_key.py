"""
This server's own signing keys, in a file of ``data_dir``.

A line is one key: ``ed25519``, a name, and the secret seed in unpadded base64, separated by spaces.  The first line is
the key in use.  Every other is one that was used before, with the moment it was retired (milliseconds since 1970) as a
fourth field; those are published, so that what they signed can still be checked.  Lines that begin with ``#`` are
comments.  Synapse's ``signing.key`` files are of this form.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from homeserver.core.malformed import Malformed
from homeserver.core.signatures import ALGORITHM, SEED_BYTES, SigningKey
from homeserver.core.unpadded_base64 import encode_base64, parse_base64

FILE_NAME: Final = "signing.key"


@frozen
class RetiredKey:
    """A key that signed until *expired_ms*."""

    verify_key: bytes
    expired_ms: int


@frozen
class OwnKeys:
    """*current* signs; *retired* are the keys used before, by key ID."""

    current: SigningKey
    retired: Mapping[str, RetiredKey]


def load_own_keys(data_dir: Path, file_name: str = FILE_NAME, key_name: str | None = None) -> OwnKeys:
    """
    The keys in the file, which is made with a new key, of that name or one by chance, if there is none.

    Raises Malformed when the file is not of the form.
    """
    path = data_dir / file_name
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        text = _new_line(key_name)
        _write(path, text)
    except UnicodeDecodeError as error:
        raise Malformed("This file of signing keys holds more than ASCII.", file_name) from error
    return parse_own_keys(text)


def rotate_own_keys(data_dir: Path, now_ms: int) -> OwnKeys:
    """A new key is in use, and the one before it is retired.  A running server keeps what it has loaded."""
    path = data_dir / FILE_NAME
    lines = path.read_text("ascii").splitlines()
    in_use = next(index for index, line in enumerate(lines) if _is_key(line))
    lines[in_use] = f"{lines[in_use].strip()} {now_ms}"
    text = _new_line() + "".join(line + "\n" for line in lines)
    keys = parse_own_keys(text)
    _write(path, text)
    return keys


def parse_own_keys(text: str) -> OwnKeys:
    """The keys in the text of a file.  Raises Malformed."""
    lines = [line.split() for line in text.splitlines() if _is_key(line)]
    if not lines:
        raise Malformed("This file holds no signing key.", FILE_NAME)
    current, *retired = lines
    if len(current) != 3:
        raise Malformed("The first key of this file must be in use: three fields, not more.", FILE_NAME)
    return OwnKeys(_parse_key(current), dict(_parse_retired(fields) for fields in retired))


def _parse_retired(fields: list[str]) -> tuple[str, RetiredKey]:
    if len(fields) != 4 or not fields[3].isdigit():
        raise Malformed("Each key but the first needs the moment it was retired as a fourth field.", FILE_NAME)
    key = _parse_key(fields)
    return key.key_id, RetiredKey(key.verify_key, int(fields[3]))


def _parse_key(fields: list[str]) -> SigningKey:
    algorithm, name, seed = (*fields, "", "")[:3]
    if algorithm != ALGORITHM:
        raise Malformed(f"Signing keys are of the kind {ALGORITHM}, not {algorithm}.", FILE_NAME)
    return SigningKey.from_seed(f"{algorithm}:{name}", parse_base64(seed))


def _is_key(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _new_line(name: str | None = None) -> str:
    return f"{ALGORITHM} {name or 'a_' + secrets.token_hex(4)} {encode_base64(secrets.token_bytes(SEED_BYTES))}\n"


def _write(path: Path, text: str) -> None:
    """The file holds *text*, whole, even if the power fails; nobody else on this machine can read it."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
