"""The page is where Airflow looks for it; what loads it everywhere costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from airflow import plugins_manager

from soh.orchestration import views
from soh.orchestration.views.app import STATIC


def test_the_plugin_mounts_the_page_and_shows_it_in_the_navigation():
    assert plugins_manager.get_import_errors() == {}
    apps, _ = plugins_manager.get_fastapi_plugins()
    external, _ = plugins_manager._get_ui_plugins()
    assert views.FLEET_APP in apps
    assert views.FLEET_VIEW in external
    assert views.FLEET_VIEW["nav_top_level"] is True


def test_the_navigation_leads_to_where_the_page_is_mounted():
    assert views.FLEET_VIEW["href"] == f"{views.FLEET_APP['url_prefix'].strip('/')}/"
    assert (STATIC / views.FLEET_VIEW["icon"].rpartition("/")[2]).exists()


def test_a_process_that_shows_no_page_does_not_import_what_pages_need():
    code = "import sys, soh.orchestration.views; print(sys.modules.keys() & {'fastapi', 'starlette', 'airflow'})"
    include = Path(views.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=include, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_the_page_is_built_at_its_first_request(viewer, connections):
    viewer = type(viewer)(views.FLEET_APP["app"], viewer.cookies)
    assert viewer.ask("/").status_code == 200
