"""What a scenario asks of a real client with end-to-end encryption, whoever wrote it."""

from typing import Protocol


class EncryptedClient(Protocol):
    """One user's device.  Methods block, and raise when the client or its server refuses or is too slow."""

    @property
    def user_id(self) -> str: ...

    def create_encrypted_room(self, invited: str) -> str:
        """The ID of a new private room, encrypted from its first message."""

    def accept_invite(self, room_id: str) -> None:
        """Waits for the invite, then joins."""

    def wait_for_member(self, room_id: str, user_id: str) -> None:
        """The client itself knows that *user_id* has joined, so it will encrypt for them."""

    def send(self, room_id: str, text: str) -> str:
        """The event ID of an encrypted text message."""

    def read(self, room_id: str, event_id: str) -> str:
        """The text of that message, once it arrived and was decrypted."""

    def close(self) -> None: ...
