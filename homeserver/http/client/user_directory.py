"""
Finding users.

Spec: client-server-api#user-directory
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed
from homeserver.core.user_directory import TERM_LENGTH_SEARCHED_MAX
from homeserver.http.operation import operation
from homeserver.services.callers import Caller
from homeserver.services.user_directory import LIMIT_DEFAULT, UserDirectory


@frozen
class UserSearchBody:
    """Who is looked for."""

    search_term: str
    limit: int = LIMIT_DEFAULT


@frozen
class UserDirectoryEndpoints:
    """Users by their names."""

    directory: UserDirectory

    @operation("searchUserDirectory")
    async def search_user_directory(self, caller: Caller, body: UserSearchBody) -> JSONObject:
        """Those whom the caller may know of.  Raises Malformed."""
        if body.limit < 0:
            raise Malformed("A limit is an integer that is not negative.", "limit", "M_INVALID_PARAM")
        if len(body.search_term) > TERM_LENGTH_SEARCHED_MAX:
            raise Malformed("This is too long.", "search_term", "M_INVALID_PARAM")
        return await self.directory.search(caller, body.search_term, body.limit)
