"""Hang the platform's links on its operators."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from soh.orchestration.links import LINKS


class SohPlugin(AirflowPlugin):
    """Registration only; the code is in `soh.orchestration`."""

    name = "soh"
    operator_extra_links: ClassVar = list(LINKS)
