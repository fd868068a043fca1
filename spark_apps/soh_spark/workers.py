"""What keeps the Python workers of a stream with small batches from spending them on housekeeping."""

from __future__ import annotations

import gc
import sys
from functools import cache
from zipimport import zipimporter


def settle() -> None:
    """Make the worker that calls this quick to begin its next task; for the end of the first use of its modules.

    Before each task PySpark lets Python look again for what can be imported, which reads the directory of its own zip
    once per package, and after it all objects are searched for garbage: together 0.2 s of a core per worker and batch.
    Modules that are loaded need neither.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        # The next import from there makes a new one.
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]
    _leave_to_the_collector_only_what_is_new()


@cache
def _leave_to_the_collector_only_what_is_new() -> None:
    # Once: what a later task has left behind must still be found.
    gc.collect()
    gc.freeze()
