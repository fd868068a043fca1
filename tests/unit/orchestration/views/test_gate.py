"""Every route of the page refuses whoever is not signed in, those included that do not exist."""

from __future__ import annotations

import asyncio

import pytest
from starlette.routing import Mount

from soh.orchestration.views import app as page

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NOWHERE = (
    "/nope",
    "/static/nope.js",
    "/static/../app.py",
    "/static/",
    "/docs",
    "/redoc",
    "/openapi.json",
    "//",
    "/api/",
)


def paths(app):
    """Every path of the app that there is to ask for, and some that there are not."""
    found = []
    for route in app.routes:
        if isinstance(route, Mount):
            found += [f"{route.path}/{file.name}" for file in page.STATIC.iterdir()]
        else:
            found.append(route.path.format(fleet="heat", facility="100"))
    return found


def test_there_are_routes_and_static_files_to_be_asked_for(app):
    assert {"/", "/api/overview", "/api/fleets/heat/facilities/100", "/static/fleet.js"} <= set(paths(app))


@pytest.mark.parametrize("method", METHODS)
def test_no_path_answers_the_anonymous(app, anonymous, method):
    refusals = {path: anonymous.ask(path, method).status_code for path in (*paths(app), *NOWHERE)}
    assert set(refusals.values()) == {401}, refusals


@pytest.mark.parametrize("token", ["", "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
@pytest.mark.parametrize("carried_as", ["cookie", "header"])
def test_a_token_that_airflow_did_not_sign_is_none(anonymous, token, carried_as):
    header = {"Cookie": f"_token={token}"} if carried_as == "cookie" else {"Authorization": f"Bearer {token}"}
    assert anonymous.ask("/api/overview", headers=header).status_code in {401, 403}


def test_a_refusal_says_nothing_of_the_platform(anonymous):
    assert anonymous.ask("/api/overview").json() == {"detail": "Not authenticated"}


def test_a_viewer_sees_the_page_and_its_files(app, viewer):
    static = [path for path in paths(app) if path == "/" or path.startswith("/static/")]
    assert {viewer.ask(path).status_code for path in static} == {200}
    assert viewer.ask("/nope").status_code == 404


def test_nobody_can_change_anything_for_there_is_nothing_but_get(app, viewer):
    changing = [method for method in METHODS if method not in {"GET", "HEAD"}]
    assert {viewer.ask(path, method).status_code for path in paths(app) for method in changing} == {405}
    assert {method for route in app.routes for method in getattr(route, "methods", ())} <= {"GET", "HEAD"}


def test_a_user_who_may_not_see_plugins_is_refused(viewer, monkeypatch):
    from airflow.api_fastapi.app import get_auth_manager

    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_view", lambda *_, **__: False)
    assert viewer.ask("/").status_code == 403
    assert viewer.ask("/static/fleet.js").status_code == 403


def test_every_answer_forbids_what_is_not_ours(viewer, anonymous):
    for answer in (viewer.ask("/"), viewer.ask("/static/fleet.js"), viewer.ask("/nope"), anonymous.ask("/")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-cache, private"


def test_a_web_socket_is_closed_at_once(app):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/api/overview", "headers": [], "query_string": b"", "subprotocols": []}
    asyncio.run(app(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
