"""The lake of a running copy, read in the process of the tests."""

from __future__ import annotations

import shlex

from soh.lake.columns import jvm
from soh.lake.columns.engine import ColumnsEngine, open_catalog
from soh.lake.landing import Landing
from soh.local import class_archive
from soh.local.home import Home
from soh.submit import catalog_settings


def opened(home: Home) -> ColumnsEngine:
    """The engine of small days on the servers of a copy; Java is started in this process if it is not there yet."""
    jvm.start(class_archive.class_path().split(":"), shlex.split(class_archive.JAVA_OPTIONS))
    endpoints, secrets = home.endpoints, home.app_secrets
    landing = Landing(
        endpoint=endpoints.s3,
        bucket=endpoints.lake_bucket,
        access_key=secrets.s3_access_key,
        secret_key=secrets.s3_secret_key,
    )
    return ColumnsEngine(open_catalog(catalog_settings(endpoints, secrets), home.server_user), landing)
