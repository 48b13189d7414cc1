"""Which versions of the specification this server speaks.  Spec: client-server-api#get_matrixclientversions"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.http.operation import operation

VERSIONS: Final = ("r0.6.0", "r0.6.1", *(f"v1.{minor}" for minor in range(1, 20)))
"""Until v1.1 there was ``r0``, whose paths are served beside those of today."""

UNSTABLE_FEATURES: Final = {
    # Proposals that have landed, under the names that clients still ask for.
    "org.matrix.msc2285.stable": True,
    "org.matrix.msc3440.stable": True,
    "org.matrix.msc3827.stable": True,
    "uk.tcpip.msc4133": True,
    "uk.tcpip.msc4133.stable": True,
}


@frozen
class VersionsReply:
    versions: tuple[str, ...]
    unstable_features: Mapping[str, bool]


@frozen
class VersionsEndpoints:
    """*features*: those of proposals that other modules serve, beside UNSTABLE_FEATURES."""

    features: Mapping[str, bool]

    @operation("getVersions")
    async def versions(self) -> VersionsReply:
        """The same for everybody."""
        return VersionsReply(VERSIONS, {**UNSTABLE_FEATURES, **self.features})
