"""
Taking transactions.

Spec: server-server-api#transactions
"""

from attrs import frozen

from federation.core.transactions import parse_transaction
from federation.services.inbox import Inbox
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.http.operation import server_operation


@frozen
class TransactionEndpoints:
    """What other servers send."""

    inbox: Inbox

    @server_operation("sendTransaction")
    async def send_transaction(self, origin: ServerName, txn_id: str, body: JSONObject) -> JSONObject:
        """What was sent is stored; answers what became of each event."""
        transaction = parse_transaction(body)
        if transaction.origin != origin:
            raise Malformed("Another server has signed this than the one it names.", "origin", "M_INVALID_PARAM")
        return await self.inbox.receive(origin, txn_id, transaction)
