"""Whether and how texts are found."""

from attrs import field, frozen, validators


@frozen
class SearchSettings:
    """Finding messages, room names and topics by their words; of encrypted rooms nothing can be found."""

    enabled: bool = True
    """Whether users can search. Switched off, the index is deleted; switched on again, it is built anew."""
    delay_seconds: float = field(default=5.0, validator=validators.gt(0))
    """New messages of so long are indexed at once; a search indexes what is there at that moment by itself."""
    erase_hours: float = field(default=24.0, validator=validators.gt(0))
    """
    How often the index in SQLite is written anew if something was redacted since: what was redacted is never found
    again in any case, but its words are in the file until then.
    """
