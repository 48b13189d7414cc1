"""
Pages on which somebody takes a stage of interactive authentication, for a client that does not know it.

They work without scripts but for the last, whose only script tells the client that the stage was taken.
Spec: client-server-api#fallback
"""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve, frozen

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed
from homeserver.http import errors
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.pages import Field, Link, Page
from homeserver.http.replies import Content
from homeserver.http.rows import Authentication, Query, Row
from homeserver.services.callers import RequestInfo
from homeserver.services.refusals import AddressNotProved, Refusal, SessionExpired
from homeserver.services.stages.on_pages import StagesOnPages

_PATH: Final = "/_matrix/client/v3/auth/{stage}/fallback/web"
_QUERY: Final = (Query("session", required=True),)
PAGE: Final = Row("folkmoot", "stagePage", "GET", _PATH, Authentication.NONE, query=_QUERY)
TAKE: Final = Row("folkmoot", "takeStage", "POST", _PATH, Authentication.NONE, query=_QUERY, limited_as="login")

_WANTED: Final[Mapping[str, str]] = {
    "register": "Your client is making an account on this server.",
    "changePassword": "Your client is about to change the password of your account.",
    "deactivateAccount": "Your client is about to close your account, for good.",
    "deleteDevices": "Your client is about to log out devices of yours.",
    "generateLoginToken": "Your client is about to log in another client to your account.",
    "add3PID": "Your client is about to add an address to your account.",
    "uploadCrossSigningKeys": "Your client is about to replace the keys by which others know you.",
}
"""What a session is for, so that nobody proves who they are for what they do not know."""

_DONE: Final = Page(
    "Thank you",
    ("This is done. Please go back to your client.",),
    # The very words of the specification.
    script="""
if (window.onAuthDone) {
    window.onAuthDone();
} else if (window.opener && window.opener.postMessage) {
    window.opener.postMessage("authDone", "*");
}
""",
)
_STALE: Final = Page(
    "This page is not good any more",
    ("It took too long, or its address is not complete.", "Please go back to your client and begin again."),
    code=400,
)
_UNKNOWN: Final = Page(
    "There is nothing to do here", ("This server does not ask for that. Please go back to your client.",), code=404
)
_WAITING: Final = Page(
    "Please look into your mail",
    ("A mail is on its way to you. Please follow the link in it, and then come back to this page.",),
    "I have followed the link",
)


def _dummy(_: JSONObject) -> Page:
    return Page("One step more", ("Nothing is asked of you but that you go on.",), "Go on")


def _password(_: JSONObject) -> Page:
    fields = (
        Field("user", "User name", autocomplete="username"),
        Field("password", "Password", "password", "current-password"),
    )
    return Page("Is it you?", ("If it was not you who began this, close this page.",), "Yes, it is me", fields=fields)


def _registration_token(_: JSONObject) -> Page:
    sentences = ("Newcomers need a registration token here. An administrator of the server has one.",)
    return Page("You need a token", sentences, "Go on", fields=(Field("token", "Registration token"),))


def _terms(params: JSONObject) -> Page:
    policies = params.get("policies")
    links = [_link(each) for each in policies.values() if isinstance(each, dict)] if isinstance(policies, dict) else []
    return Page("The terms of this server", ("Please read what holds here.",), "I accept", links=links)


def _email(_: JSONObject) -> Page:
    fields = (Field("email", "Mail address", "email", "email"),)
    return Page("What is your address?", ("You get a mail with a link to follow.",), "Send the mail", fields=fields)


_PAGES: Final[Mapping[str, Callable[[JSONObject], Page]]] = {
    uia.DUMMY: _dummy,
    uia.PASSWORD: _password,
    uia.REGISTRATION_TOKEN: _registration_token,
    uia.TERMS: _terms,
    uia.EMAIL_IDENTITY: _email,
}


@frozen
class StagePageEndpoints:
    """Stages are taken on pages."""

    stages: StagesOnPages

    @operation(PAGE)
    async def page(self, stage: str, session: str) -> Content:
        """Says what is to be done."""
        return (await self._page(stage, session)).to_content()

    @operation(TAKE)
    async def take(self, stage: str, session: str, info: RequestInfo, incoming: Incoming) -> Content:
        """The stage is taken, and the client may go on; or the page says what was wrong."""
        page = await self._page(stage, session)
        if page.button is None:
            return page.to_content()
        form = incoming.form()
        try:
            return (await self._taken(stage, session, form, info)).to_content()
        except AddressNotProved as refusal:
            waiting = evolve(_WAITING, fields=(Field("sid", "", "hidden", value=form.get("sid", "")),))
            return _with_note(waiting, refusal, "The link was not followed yet.").to_content()
        except SessionExpired:
            return _STALE.to_content()
        except (Malformed, Refusal) as error:
            return _with_note(page, error, error.reason).to_content()

    async def _page(self, stage: str, session: str) -> Page:
        try:
            wanted = self.stages.operation_of(session)
        except SessionExpired:
            return _STALE
        if stage not in _PAGES or not self.stages.is_taken_here(wanted, stage):
            return _UNKNOWN
        if await self.stages.is_proved(session, stage):
            return _DONE
        page = _PAGES[stage](self.stages.params(stage))
        told = _WANTED.get(wanted)
        return page if told is None else evolve(page, sentences=(told, *page.sentences))

    async def _taken(self, stage: str, session: str, form: Mapping[str, str], info: RequestInfo) -> Page:
        if stage != uia.EMAIL_IDENTITY:
            await self.stages.prove(session, stage, _fields(stage, form), info)
            return _DONE
        if "sid" in form:
            await self.stages.prove_address(session, form["sid"], info)
            return _DONE
        sid = await self.stages.send_mail(session, form.get("email", ""), info)
        return evolve(_WAITING, fields=(Field("sid", "", "hidden", value=sid),))


def _fields(stage: str, form: Mapping[str, str]) -> JSONObject:
    """What a client that knew the stage would have sent."""
    if stage == uia.PASSWORD:
        identifier: JSON = {"type": "m.id.user", "user": form.get("user", "").strip()}
        return {"identifier": identifier, "password": form.get("password", "")}
    return {"token": form.get("token", "").strip()} if stage == uia.REGISTRATION_TOKEN else {}


def _with_note(page: Page, error: Malformed | Refusal, note: str) -> Page:
    return evolve(page, note=note, code=errors.refused(error).code)


def _link(policy: JSONObject) -> Link:
    """To the document in English, or else in the first language there is."""
    languages = {name: each for name, each in policy.items() if isinstance(each, dict)}
    shown = languages.get("en") or next(iter(languages.values()))
    return Link(str(shown["name"]), str(shown["url"]))
