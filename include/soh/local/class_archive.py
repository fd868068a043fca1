"""An archive of the classes that Spark apps load: a JVM that maps it starts in half the time.

Java calls this application class-data sharing. Some 20,000 classes are found, read and verified once instead of at
every start of every driver and executor. An archive is good for one Java and one class path: with any other a JVM
leaves it aside, and is slower but none the worse. Standard library only: this runs under the system's Python.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from soh.local.environments import AIRFLOW_PYTHON, JARS, SPARK_PYTHON, java_home, run, site_packages
from soh.settings import PROJECT

ARCHIVE = JARS / "spark-classes.jsa"
JAVA_OPTIONS = (
    f"{shlex.quote(f'-XX:SharedArchiveFile={ARCHIVE}')} -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0"
)
"""Of a JVM that is to map it: at the address for which it was made, or each JVM would have a copy of it to itself."""
_REHEARSAL = PROJECT / "spark_apps" / "rehearsal.py"


def spark_jars() -> str:
    """Spark's own jars, as a class path names them."""
    return f"{site_packages(AIRFLOW_PYTHON)}/pyspark/jars/*"


def class_path() -> str:
    """What the class path of a JVM must begin with, or the archive is of no use to it."""
    return f"{spark_jars()}:{JARS / 'spark'}/*"


def spark_conf() -> dict[str, str]:
    """Spark settings by which drivers and executors map the archive."""
    roles = ("driver", "executor")
    return {
        **{f"spark.{role}.extraClassPath": class_path() for role in roles},
        **{f"spark.{role}.defaultJavaOptions": JAVA_OPTIONS for role in roles},
    }


def is_current() -> bool:
    """Whether the archive was made from the Java, the jars and the rehearsal that there are now."""
    stamp = ARCHIVE.with_suffix(".made-from")
    return ARCHIVE.exists() and stamp.exists() and stamp.read_text() == _origin()


def ensure(say: Callable[[str], None]) -> str:
    """Make the archive if it is not current; raises SetupFailed."""
    if is_current():
        return "all there"
    java = str(java_home() / "bin" / "java")
    with TemporaryDirectory(prefix="soh-classes-") as folder:
        names, new = Path(folder) / "names", ARCHIVE.with_suffix(".new")
        say("rehearsing what apps do")
        _rehearse(Path(folder), names)
        say("archiving the classes that took")
        # The collector must be that of the apps.
        options = ["-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedClassListFile={names}"]
        run([java, *options, f"-XX:SharedArchiveFile={new}", "-cp", class_path()], f"making {ARCHIVE}")
        found = len(names.read_text().splitlines())
    new.replace(ARCHIVE)
    ARCHIVE.with_suffix(".made-from").write_text(_origin())
    return f"{found:,} classes, {ARCHIVE.stat().st_size // 1024**2} MiB"


def _rehearse(folder: Path, names: Path) -> None:
    """Run the rehearsal, and have Java write down the names of the classes that it loads."""
    submit = [
        *("--driver-class-path", class_path()),
        *("--driver-java-options", f"-XX:+UseSerialGC -XX:DumpLoadedClassList={names}"),
        "pyspark-shell",
    ]
    run(
        [str(SPARK_PYTHON), str(_REHEARSAL), str(folder)],
        f"running {_REHEARSAL}",
        JAVA_HOME=str(java_home()),
        PYSPARK_PYTHON=str(SPARK_PYTHON),
        PYSPARK_SUBMIT_ARGS=shlex.join(submit),
        PYTHONPATH=f"{PROJECT / 'include'}:{PROJECT / 'spark_apps'}",
        SPARK_LOCAL_IP="127.0.0.1",
    )


def _origin() -> str:
    virtual_machine = java_home() / "lib" / "server" / "libjvm.so"
    about = virtual_machine.stat()
    parts = [f"{virtual_machine.resolve()} {about.st_size} {about.st_mtime_ns}"]
    parts += [(folder / ".made-from").read_text() for folder in (AIRFLOW_PYTHON.parents[1], JARS / "spark")]
    return hashlib.sha256("\n".join([*parts, _REHEARSAL.read_text()]).encode()).hexdigest()
