"""The part of the library that Spark apps import, as one zip for `spark-submit --py-files`."""

from __future__ import annotations

import zipfile
from pathlib import Path

from soh.settings import PROJECT

_LIBRARY = PROJECT / "include" / "soh"
_SHARED = PROJECT / "spark_apps" / "soh_spark"


def write_bundle(target: Path) -> Path:
    """Zip `soh.errors`, `soh.s3`, `soh.specs`, `soh.classifier`, `soh.lake` and `soh_spark` into `target`."""
    sources = [_LIBRARY / name for name in ("__init__.py", "errors.py", "s3.py")]
    for part in ("specs", "classifier", "lake"):
        # Not what lies deeper, nor what asks the catalog: both stay where Airflow is.
        sources += sorted(path for path in (_LIBRARY / part).glob("*.py") if path.name != "catalog.py")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for source in sources:
            bundle.write(source, Path("soh") / source.relative_to(_LIBRARY))
        for source in sorted(_SHARED.rglob("*.py")):
            bundle.write(source, Path("soh_spark") / source.relative_to(_SHARED))
    return target


def script(name: str) -> Path:
    """A script in `spark_apps/`, where it is on this machine."""
    return PROJECT / "spark_apps" / name
