"""The scripts of the server's pages run as a browser would run them, in Node.js with what little they ask of one."""

import json
import re
import subprocess
from typing import Any

import pytest

from homeserver.http.client import login_page, stage_pages
from homeserver.http.pages import Page
from scripts.laboratory.processes import PATIENCE_SECONDS
from scripts.laboratory.tools import Unavailable, find_node

_BROWSER = """
const said = [];
const note = {className: "", textContent: "", setAttribute() {}};
const form = {
  parentNode: {insertBefore() {}}, remove() { said.push("form removed"); },
  elements: {user: {value: " alice "}, password: {value: "secret"}},
  addEventListener(_, listener) { form.submit = listener; }
};
global.window = global;
global.location = {search: "?device_id=GHTYAJCE&password=stolen&type=m.login.token&refresh_token=true"};
global.document = {querySelector: () => form, createElement: () => note};
global.fetch = async (path, request) => {
  said.push([path, request.headers.Authorization || null, JSON.parse(request.body)]);
  return {ok: STATUS === 200, json: async () => (ANSWER)};
};
"""
_SUBMIT = """
form.submit({preventDefault() {}});
setTimeout(() => console.log(JSON.stringify({said, note: note.textContent})), 20);
"""
_WANTED = {
    "type": "m.login.password",
    "identifier": {"type": "m.id.user", "user": "alice"},
    "password": "secret",
    "device_id": "GHTYAJCE",
    "refresh_token": True,
}
_ANSWER = {"access_token": "syt", "user_id": "@alice:x"}


@pytest.fixture(scope="module")
def node() -> str:
    try:
        return str(find_node())
    except Unavailable as missing:
        pytest.skip(f"THE SCRIPTS OF PAGES ARE NOT RUN: {missing}")


def script_of(page: Page) -> str:
    (script,) = re.findall(r"<script>(.*?)</script>", page.to_content().parts[0].decode(), re.DOTALL)  # type: ignore[union-attr]
    return str(script)


def outcome(node: str, program: str) -> Any:
    ran = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS)
    return json.loads(ran.stdout)


def log_in(node: str, *, client: str, status: int = 200, answer: Any = None) -> Any:
    browser = _BROWSER.replace("STATUS", str(status)).replace("ANSWER", json.dumps(answer or _ANSWER))
    return outcome(node, browser + script_of(login_page._LOGIN) + client + _SUBMIT)


def test_the_client_gets_what_the_login_answered(node: str) -> None:
    """And of the page's address only what is no credential went on to the login."""
    client = "window.matrixLogin.onLogin = (answer) => { said.push({heard: answer}); };"

    assert log_in(node, client=client)["said"] == [
        ["/_matrix/client/v3/login", None, _WANTED],
        "form removed",
        {"heard": _ANSWER},
    ]


def test_a_login_that_nobody_waits_for_is_undone(node: str) -> None:
    """No session is left behind."""
    told = log_in(node, client="")

    assert told["said"][1:] == [["/_matrix/client/v3/logout", "Bearer syt", {}]]
    assert "logged out again" in told["note"]


def test_a_refusal_is_shown(node: str) -> None:
    """In the words of the server."""
    told = log_in(node, client="", status=403, answer={"errcode": "M_FORBIDDEN", "error": "That is wrong."})

    assert told["note"] == "That is wrong."


@pytest.mark.parametrize(
    ("window", "heard"),
    [
        ("{onAuthDone() { heard.push('called'); }}", ["called"]),
        ("{opener: {postMessage(...given) { heard.push(given); }}}", [["authDone", "*"]]),
        ("{}", []),
    ],
)
def test_a_client_hears_that_a_stage_was_taken(node: str, window: str, heard: list[Any]) -> None:
    """By a function in its browser, or by a message to the window that opened the page."""
    program = f"const heard = []; global.window = {window};\n{script_of(stage_pages._DONE)}"

    assert outcome(node, program + "console.log(JSON.stringify(heard));") == heard
