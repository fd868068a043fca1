"""Spark as tests start it: from the archive of classes and with the first compiler alone, in a third of the time."""

from __future__ import annotations

import shlex

from soh.local import class_archive

SETTINGS = {
    # In place of `spark.jars`: a class path must begin with that of the archive.
    "spark.driver.extraClassPath": class_archive.class_path(),
    "spark.driver.extraJavaOptions": f"{class_archive.JAVA_OPTIONS} -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}
"""For a session whose driver is its executor; they count only if they are there before its JVM is."""


def submit_arguments() -> str:
    """The same as `PYSPARK_SUBMIT_ARGS` of a process of its own."""
    return shlex.join(
        [*(word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")), "pyspark-shell"]
    )
