"""System packages, Python environments and jars: what must lie on the machine before any server starts.

Standard library only: this runs under the system's Python, before anything is installed.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from soh.errors import SetupFailed
from soh.local.steps import Steps
from soh.settings import PROJECT, child_environment

VENVS = PROJECT / ".venv"
AIRFLOW_PYTHON = VENVS / "airflow" / "bin" / "python"
SPARK_PYTHON = VENVS / "spark" / "bin" / "python"
JARS = VENVS / "jars"
UV_VERSION = "0.13.9"

_POMS = Path(__file__).parent / "maven"
_JAVA_VERSIONS = (17, 21)
_BROWSER = ("chromium", "chromedriver")
_BROWSER_PACKAGES = ("chromium", "chromium-driver")


def ensure(steps: Steps) -> None:
    """Bring the machine to where the two environments and the jars are complete; do only what is missing."""
    with steps.step("System packages") as say:
        say(_system_packages(say))
    with steps.step("Airflow environment") as say:
        say(_environment("airflow", PROJECT / "requirements.txt"))
    with steps.step("Spark environment") as say:
        say(_environment("spark", PROJECT / "spark_apps" / "requirements.txt"))
    for pom in sorted(_POMS.iterdir()):
        with steps.step(f"Jars: {pom.name}") as say:
            say(_jars(pom))


def complete() -> bool:
    """Whether nothing is left for `ensure` to do: packages there, environments made from the locks as they are now."""
    return not _missing_packages() and all(
        _is_stamped(VENVS / name, lock)
        for name, lock in (
            ("airflow", PROJECT / "requirements.txt"),
            ("spark", PROJECT / "spark_apps" / "requirements.txt"),
            *((f"jars/{pom.name}", pom / "pom.xml") for pom in _POMS.iterdir()),
        )
    )


def site_packages(python: Path) -> Path:
    """Where the packages of the environment of this Python lie; all are made from the Python that runs this."""
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(python.parents[1])}))


def java_home() -> Path:
    """Home of a Java that Hadoop and Spark run on.

    Raises SetupFailed when the machine has none.
    """
    if found := _find_java():
        return found
    raise SetupFailed(f"no Java {' or '.join(map(str, _JAVA_VERSIONS))} below /usr/lib/jvm; run ./soh up to install it")


def postgres_bin() -> Path:
    """Folder with the programs of the newest PostgreSQL server on the machine."""
    folders = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if not folders:
        raise SetupFailed("no PostgreSQL server below /usr/lib/postgresql; run ./soh up to install it")
    return max(folders, key=lambda folder: int(folder.parent.name))


def influxd() -> Path:
    """Program of the InfluxDB server.

    Raises SetupFailed when the machine has none.
    """
    if found := shutil.which("influxd"):
        return Path(found)
    raise SetupFailed("no influxd on the PATH; run ./soh up to install the package influxdb")


def _find_java() -> Path | None:
    for version in _JAVA_VERSIONS:
        for home in sorted(Path("/usr/lib/jvm").glob(f"*{version}*")):
            java = home / "bin" / "java"
            if java.exists() and re.search(rf'version "{version}[."]', _said_by(java)):
                return home
    return None


@functools.cache
def _said_by(java: Path) -> str:
    # A virtual machine takes half a second to say its version.
    return subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr


def _missing_packages() -> list[str]:
    missing = []
    if _find_java() is None:
        missing.append("java")
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        missing.append("postgresql")
    if shutil.which("mvn") is None:
        missing.append("maven")
    if shutil.which("influxd") is None:
        missing.append("influxdb")
    if not _loads("libgomp.so.1"):
        # LightGBM runs its loops on it.
        missing.append("libgomp1")
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        missing.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    return missing


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _system_packages(say: Callable[[str], None]) -> str:
    missing = _missing_packages()
    if not missing:
        return "all there"
    if shutil.which("apt-get") is None:
        raise SetupFailed(f"missing: {', '.join(missing)}; this is not Debian or Ubuntu, so install them by hand")
    say("refreshing the package list")
    _apt("update")
    if "java" in missing:
        missing[missing.index("java")] = _java_package()
    say(f"installing {', '.join(missing)}")
    _keep_servers_from_starting(missing)
    _apt("install", "--yes", "--no-install-recommends", *missing)
    return f"installed {', '.join(missing)}"


def ensure_browser() -> str:
    """Install Chromium with its driver, which only the end-to-end tests of the page need.

    A system without such packages is left as it is; the tests say then that they were skipped.
    """
    if all(shutil.which(program) for program in _BROWSER):
        return "all there"
    if shutil.which("apt-get") is None:
        return "not installed: this is not Debian or Ubuntu"
    _apt("update")
    if not all(map(_is_offered, _BROWSER_PACKAGES)):
        return f"not installed: the package list has no {' or '.join(_BROWSER_PACKAGES)}"
    _apt("install", "--yes", "--no-install-recommends", *_BROWSER_PACKAGES)
    return f"installed {', '.join(_BROWSER_PACKAGES)}"


def _is_offered(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    return "Candidate: " in shown and "Candidate: (none)" not in shown


def _java_package() -> str:
    for version in _JAVA_VERSIONS:
        package = f"openjdk-{version}-jre-headless"
        if _is_offered(package):
            return package
    raise SetupFailed(f"the package list has no openjdk-{_JAVA_VERSIONS[0]}-jre-headless nor a newer known one")


def _keep_servers_from_starting(packages: list[str]) -> None:
    """The packages would start servers of their own, now and at every boot; ours are private and started by us."""
    cluster = Path("/etc/postgresql-common/createcluster.conf")
    if "postgresql" in packages and not cluster.exists():
        run(_as_root("mkdir", "-p", str(cluster.parent)), f"making {cluster.parent}")
        run(_as_root("sh", "-c", f"echo 'create_main_cluster = false' > {cluster}"), f"writing {cluster}")
    unit = Path("/etc/systemd/system/influxdb.service")
    if "influxdb" in packages and not unit.exists():
        # What `systemctl mask` does, also where systemd does not run; `systemctl unmask influxdb` undoes it.
        run(_as_root("mkdir", "-p", str(unit.parent)), f"making {unit.parent}")
        run(_as_root("ln", "-sf", "/dev/null", str(unit)), f"masking {unit.name}")


def _apt(*arguments: str) -> None:
    # RUNLEVEL=1 makes Debian's invoke-rc.d start none of the services that a package brings; systemd has its masks.
    environment = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    run(_as_root("env", *environment, "apt-get", *options, *arguments), f"apt-get {' '.join(arguments)}")


def _as_root(*command: str) -> list[str]:
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo") is None:
        raise SetupFailed(f"'{' '.join(command)}' needs root, and there is no sudo; run ./soh up as root once")
    return ["sudo", *command]


def _environment(name: str, lock: Path) -> str:
    folder = VENVS / name
    if _is_stamped(folder, lock):
        return "all there"
    uv = _uv()
    run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], f"making {folder}")
    # --no-deps: the lock is complete, and the overrides that keep pyspark-client out are baked into it.
    run(
        [
            *(str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--no-deps"),
            *("--python", str(folder / "bin" / "python"), "--requirement", str(lock)),
        ],
        f"installing {lock} into {folder}",
    )
    _stamp(folder, lock)
    return f"installed {sum('==' in line for line in lock.read_text().splitlines())} packages"


def ensure_extra(name: str, packages: Sequence[str]) -> Path:
    """Python of an environment that is in no lock, for what only a measurement needs; made where it is missing.

    Raises SetupFailed when the packages are not to be had.
    """
    folder = VENVS / name
    python, stamp = folder / "bin" / "python", folder / ".made-from"
    wanted = " ".join(packages)
    if not (stamp.exists() and stamp.read_text() == wanted):
        uv = str(_uv())
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], f"making {folder}")
        run([uv, "pip", "install", "--quiet", "--python", str(python), *packages], f"installing {wanted}")
        stamp.write_text(wanted)
    return python


def _uv() -> Path:
    tools = VENVS / "tools"
    uv = tools / "bin" / "uv"
    if not uv.exists():
        run([sys.executable, "-m", "venv", str(tools)], f"making {tools}")
        run(
            [str(tools / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"],
            "installing uv",
        )
    return uv


def _jars(pom: Path) -> str:
    folder = JARS / pom.name
    if _is_stamped(folder, pom / "pom.xml"):
        return "all there"
    shutil.rmtree(folder, ignore_errors=True)
    run(
        [
            *("mvn", "-B", "-q", "-ntp", "-f", str(pom / "pom.xml"), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={folder}"),
        ],
        f"fetching the jars of {pom / 'pom.xml'}",
        JAVA_HOME=str(java_home()),
    )
    _stamp(folder, pom / "pom.xml")
    return f"fetched {len(list(folder.glob('*.jar')))} jars"


def _digest(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def _is_stamped(folder: Path, source: Path) -> bool:
    stamp = folder / ".made-from"
    return stamp.exists() and stamp.read_text() == _digest(source)


def _stamp(folder: Path, source: Path) -> None:
    (folder / ".made-from").write_text(_digest(source))


def run(command: list[str], what: str, **environment: str) -> None:
    """Run a command of the set-up; its output is shown only when it fails.

    Raises SetupFailed with the last lines of the output.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=child_environment(**environment),
    )
    if done.returncode:
        tail = "\n    ".join(done.stdout.strip().splitlines()[-12:])
        raise SetupFailed(f"{what} failed with exit code {done.returncode}:\n    {tail}")
