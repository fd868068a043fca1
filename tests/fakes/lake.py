"""The lake of a running copy, read in the process of the tests."""

from __future__ import annotations

import shlex

from soh.lake.columns import jvm
from soh.lake.columns.engine import ColumnsEngine, open_engine
from soh.local import class_archive
from soh.local.home import Home


def opened(home: Home) -> ColumnsEngine:
    """The engine of small days on the servers of a copy; Java is started in this process if it is not there yet."""
    jvm.start(class_archive.class_path().split(":"), shlex.split(class_archive.JAVA_OPTIONS))
    return open_engine(home.endpoints, home.app_secrets)
