"""The page "Fleet" in Airflow's web interface: what the plugin registers, and nothing that costs time to import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

URL_PREFIX = "/soh"


class BuiltLate:
    """The page's ASGI app, built at its first request.

    Every process of Airflow loads the plugins, each task among them; only the api-server needs FastAPI.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _app()(scope, receive, send)


@cache
def _app() -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    from soh.orchestration.views.app import build
    from soh.orchestration.views.fleet_page import from_airflow

    return build(from_airflow())


FLEET_APP = {"app": BuiltLate(), "url_prefix": URL_PREFIX, "name": "Fleet"}
FLEET_VIEW = {
    "name": "Fleet",
    # Relative, so that it holds below any path that Airflow is served from.
    "href": f"{URL_PREFIX.strip('/')}/",
    "url_route": "fleet",
    "destination": "nav",
    "nav_top_level": True,
    "icon": f"{URL_PREFIX.strip('/')}/static/icon.svg",
}
