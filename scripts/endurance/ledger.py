"""What a server has promised: everything it acknowledged to one user, and the one thing it was asked when it died."""

from attrs import Factory, define, frozen


@frozen
class Message:
    """A message under the name that its client gave it."""

    room_id: str
    transaction_id: str
    text: str


@define
class Ledger:
    """The acknowledged promises to one user; *unanswered* may have been carried out or not."""

    messages: dict[str, Message] = Factory(dict)
    """By event ID."""
    topics: list[str] = Factory(list)
    """Of the user's own room, oldest first."""
    notes: list[int] = Factory(list)
    """Values of one account data entry, oldest first."""
    letters: list[str] = Factory(list)
    """To-device messages that this user has sent."""
    unanswered: Message | None = None
    _letters_seen: int = 0
    _messages_seen: int = 0

    def new_messages(self) -> dict[str, Message]:
        """The messages acknowledged since this was last asked."""
        fresh = dict(list(self.messages.items())[self._messages_seen :])
        self._messages_seen = len(self.messages)
        return fresh

    def new_letters(self) -> list[str]:
        """The to-device messages acknowledged since this was last asked."""
        fresh = self.letters[self._letters_seen :]
        self._letters_seen = len(self.letters)
        return fresh

    @property
    def promises(self) -> int:
        return len(self.messages) + len(self.topics) + len(self.notes) + len(self.letters)
