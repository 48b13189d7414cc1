"""
Letters: what is said to whom, and the bytes that a mail server takes.

Every letter is text and HTML at once, and says that a machine wrote it, so that no other machine answers.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from typing import Final

from attrs import field, frozen

from homeserver.core.mail.addresses import EmailAddress, domain_of, parse_address

SUBJECT_CHARACTERS_MAX: Final = 200


@frozen
class Letter:
    """
    What is said.  *headers*: more than every letter has, such as ``List-Unsubscribe``; values are one line each.
    """

    to: EmailAddress
    subject: str
    text: str
    html: str
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class Sender:
    """Whom letters are from; *name* may be empty."""

    name: str
    address: EmailAddress


def parse_sender(text: str) -> Sender:
    """``Chat <chat@example.org>`` or the address alone.  Raises Malformed."""
    name, address = parseaddr(text)
    return Sender(one_line(name), parse_address(address, "from"))


def encode_letter(letter: Letter, sender: Sender, now_ms: int, unique: str) -> bytes:
    """
    The message as it travels but for its line ends, which are ``\\n`` here.

    *unique*: letters and digits that no other message of this server has.
    """
    # Imported here: a server that sends no mail does without the grammar of all headers, and is 1 MiB smaller.
    from email.headerregistry import Address
    from email.message import EmailMessage
    from email.policy import default

    message = EmailMessage(policy=default)
    message["From"] = Address(display_name=sender.name, addr_spec=sender.address)
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    message["Message-ID"] = f"<{unique}@{domain_of(sender.address)}>"
    # RFC 3834: vacation messages and the like stay away.
    message["Auto-Submitted"] = "auto-generated"
    for name, value in letter.headers.items():
        message[name] = one_line(value, None)
    # Not every mail server takes eight bits.
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    # A dot that begins a line ends a message by SMTP unless it is doubled on the way; so it does not come to that.
    return message.as_bytes().replace(b"\n.", b"\n=2E")


def one_line(text: str, characters_max: int | None = SUBJECT_CHARACTERS_MAX) -> str:
    """*text* without anything that ends a line, hides or turns text around: names of users and rooms go into it."""
    plain = "".join(" " if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else each for each in text)
    return " ".join(plain.split())[:characters_max]
