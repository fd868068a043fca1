"""The gate before the page: Airflow does not ask who calls a plugin's routes, so the page does."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_view
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    # Kept by the browser only to be asked again: what is shown belongs to who is signed in now.
    "Cache-Control": "no-cache, private",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_may_see_plugins = requires_access_view(AccessView.PLUGINS)


class SignedInOnly:
    """Lets through only requests of a user who may see Airflow's plugins.

    Around the whole app rather than on its routes, so that a static file, a path that does not exist
    and a route that somebody adds are behind it too. Refuses with 401 or 403.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # Nothing of the page is a web socket, and Airflow starts no plugin's lifespan.
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await self._check(Request(scope))
        except HTTPException as refusal:
            response = JSONResponse({"detail": refusal.detail}, refusal.status_code)
            await response(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    async def _check(self, request: Request) -> None:
        user = await get_user(request, None, await bearer_scheme(request))
        # Some of Airflow's auth managers ask a database.
        await run_in_threadpool(_may_see_plugins, request, user)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
