"""
Cross-signing keys and signatures are published.

Spec: client-server-api#cross-signing
"""

from attrs import frozen

from e2ee.core.cross_signing import USAGES, parse_cross_signing_key
from e2ee.core.key_signatures import TARGETS_MAX
from e2ee.services.cross_signing import CrossSigning
from e2ee.services.key_signatures import KeySignatures
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.refusals import InvalidParameter


@frozen
class SigningKeysBody:
    master_key: JSONObject | None = None
    self_signing_key: JSONObject | None = None
    user_signing_key: JSONObject | None = None
    auth: JSON = None


@frozen
class CrossSigningEndpoints:
    """Cross-signing."""

    cross_signing: CrossSigning
    signatures: KeySignatures

    @operation("uploadCrossSigningKeys")
    async def upload_cross_signing_keys(self, caller: Caller, info: RequestInfo, body: SigningKeysBody) -> Empty:
        """The caller has these keys.  Raises InteractiveAuthRequired when others would be replaced; Forbidden."""
        given = dict(zip(USAGES, (body.master_key, body.self_signing_key, body.user_signing_key), strict=True))
        keys = {
            usage: parse_cross_signing_key(value, caller.user_id, usage, f"{usage}_key")
            for usage, value in given.items()
            if value is not None
        }
        await self.cross_signing.upload(caller, keys, body.auth, info)
        return Empty()

    @operation("uploadCrossSigningSignatures")
    async def upload_signatures(self, caller: Caller, body: dict[UserID, dict[str, JSONObject]]) -> JSONObject:
        """The good signatures are published; answers what is wrong with the others."""
        if sum(map(len, body.values())) > TARGETS_MAX:
            raise InvalidParameter(f"At most {TARGETS_MAX} keys are signed at once.")
        faults = await self.signatures.upload(caller.user_id, body)
        return {
            "failures": {
                user_id: {target: fault.to_json() for target, fault in targets.items()}
                for user_id, targets in faults.items()
            }
        }
