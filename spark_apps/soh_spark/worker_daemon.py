"""The process that Python workers are forked from: Spark's own, with what it does around every task done once.

Before a task a worker has Python read the directory of every zip on its path anew, Spark's jar of some thousand files
among them, and after it looks for garbage in everything that was ever imported. Around a micro-batch of a few readings
that was nine tenths of the worker's time (Spark 4.1, Python 3.11). The zips of an app never change, and what is
imported before the fork is never garbage.

Named by the setting `spark.python.daemon.module`.
"""

from __future__ import annotations

import gc
import zipimport

# Imported here for the workers, who would each take time and memory for their own.
import lightgbm  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow as pa  # noqa: F401
from pyspark import daemon


def prepare() -> None:
    """Spare the workers that are forked from this process their rounds through zips and garbage."""
    zipimport.zipimporter.invalidate_caches = _unchanged  # type: ignore[method-assign]
    gc.collect()
    gc.freeze()


def _unchanged(_: zipimport.zipimporter) -> None:
    """Nothing to forget."""


if __name__ == "__main__":
    prepare()
    daemon.manager()
