import gc
import sys
from zipimport import zipimporter

import pyspark

from soh_spark import workers


def test_a_settled_worker_keeps_no_directory_of_a_zip_and_can_still_import_from_it(tmp_path, monkeypatch):
    import zipfile

    with zipfile.ZipFile(tmp_path / "one.zip", "w") as bundle:
        bundle.writestr("first_of_zip.py", "value = 1")
        bundle.writestr("second_of_zip.py", "value = 2")
    monkeypatch.syspath_prepend(str(tmp_path / "one.zip"))
    import first_of_zip

    try:
        workers.settle()
        assert not [finder for finder in sys.path_importer_cache.values() if isinstance(finder, zipimporter)]
        import second_of_zip

        assert (first_of_zip.value, second_of_zip.value) == (1, 2)
    finally:
        gc.unfreeze()
        workers._leave_to_the_collector_only_what_is_new.cache_clear()


def test_garbage_of_later_tasks_is_still_collected():
    class Cycle:
        def __init__(self):
            self.me = self

    try:
        workers.settle()
        frozen = gc.get_freeze_count()
        assert frozen > len(vars(pyspark))
        Cycle()
        workers.settle()
        assert gc.get_freeze_count() <= frozen
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        workers._leave_to_the_collector_only_what_is_new.cache_clear()
