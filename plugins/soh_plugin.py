"""Hang the platform's links on its operators, and its page in the navigation."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from soh.orchestration.links import LINKS
from soh.orchestration.views import FLEET_APP, FLEET_VIEW


class SohPlugin(AirflowPlugin):
    """Registration only; the code is in `soh.orchestration`."""

    name = "soh"
    operator_extra_links: ClassVar = list(LINKS)
    fastapi_apps: ClassVar = [FLEET_APP]
    external_views: ClassVar = [FLEET_VIEW]
