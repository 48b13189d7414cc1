"""
A page that logs somebody in, for a client that knows none of the ways to log in.

Spec: client-server-api#login-fallback
"""

from typing import Final

from attrs import frozen

from homeserver.http.operation import operation
from homeserver.http.pages import Field, Page
from homeserver.http.replies import Content
from homeserver.http.rows import Authentication, Row

PATH: Final = "/_matrix/static/client/login/"
PAGE: Final = Row("folkmoot", "loginPage", "GET", PATH, Authentication.NONE, twins=(PATH.rstrip("/"),))

# A client puts its own function into window.matrixLogin, before or after the page is there.  Of the address, only what
# is no credential goes on to the login: whoever makes up a link to this page must not log somebody in as another.
_SCRIPT: Final = """
window.matrixLogin = window.matrixLogin || {};
(function () {
    var form = document.querySelector("form");
    var note = document.createElement("p");
    note.className = "note";
    note.setAttribute("role", "alert");
    form.parentNode.insertBefore(note, form);

    function post(path, body, token) {
        var headers = {"Content-Type": "application/json"};
        if (token) { headers.Authorization = "Bearer " + token; }
        return fetch(path, {method: "POST", headers: headers, body: JSON.stringify(body)});
    }

    function wanted() {
        var query = new URLSearchParams(window.location.search);
        var body = {
            type: "m.login.password",
            identifier: {type: "m.id.user", user: form.elements.user.value.trim()},
            password: form.elements.password.value
        };
        ["device_id", "initial_device_display_name"].forEach(function (name) {
            if (query.has(name)) { body[name] = query.get(name); }
        });
        if (query.has("refresh_token")) { body.refresh_token = query.get("refresh_token") === "true"; }
        return body;
    }

    function finish(answer) {
        if (typeof window.matrixLogin.onLogin === "function") {
            note.textContent = "You are logged in. Please go back to your client.";
            form.remove();
            window.matrixLogin.onLogin(answer);
            return;
        }
        note.textContent = "No client is waiting for this login, so you were logged out again.";
        return post("/_matrix/client/v3/logout", {}, answer.access_token);
    }

    form.addEventListener("submit", function (event) {
        event.preventDefault();
        note.textContent = "";
        post("/_matrix/client/v3/login", wanted()).then(function (response) {
            return response.json().then(function (answer) {
                if (!response.ok) { throw new Error(answer.error || answer.errcode); }
                return finish(answer);
            });
        }).catch(function (error) {
            note.textContent = error.message;
        });
    });
})();
"""
_LOGIN: Final = Page(
    "Log in",
    ("Your client sent you here, which needs scripts to be allowed.",),
    "Log in",
    fields=(
        Field("user", "User name", autocomplete="username"),
        Field("password", "Password", "password", "current-password"),
    ),
    script=_SCRIPT,
)


@frozen
class LoginPageEndpoints:
    """Somebody logs in on a page."""

    @operation(PAGE)
    async def page(self) -> Content:
        """Asks for name and password, and tells the client what the server answered."""
        return _LOGIN.to_content()
