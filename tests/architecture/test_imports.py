"""Who may import whom, and who may read the environment: the syntax tree of every file is walked."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = ("include/soh", "spark_apps", "dags", "plugins")

LAYERS = (
    ("errors",),
    ("s3", "settings", "specs", "trouble"),
    # One server, or one step on the way to one, each.
    ("airflow_api", "bundle", "classifier", "lake", "hdfs", "kafka", "submit", "yarn"),
    ("fleet", "lake", "serving", "streams"),
    ("checks", "status"),
    ("local", "orchestration"),
    ("cli",),
)
"""Parts of `soh` from the lowest up: each imports from those below it, never back and never across."""

SPARK = frozenset({"pyspark", "py4j", "pyarrow", "pandas"})
COLUMNS = frozenset({"jpype", "nanoarrow", "polars"})
"""What takes a second to load, and belongs to processes of their own."""
SENT_TO_SPARK = frozenset({"classifier", "errors", "lake", "s3", "specs"})
"""The parts of `soh` in the zip that goes to YARN."""
WIRING = {"dags": frozenset({"orchestration", "specs"}), "plugins": frozenset({"orchestration"})}
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name, absolute and dotted."""

    name: str
    line: int

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]

    @property
    def part(self) -> str:
        """The part of `soh` that is imported; empty for `soh` itself and for other packages."""
        words = self.name.split(".")
        return words[1] if words[0] == "soh" and len(words) > 1 else ""


def imports_of(tree: ast.AST, path: PurePosixPath) -> Iterator[Import]:
    """Every import of a file, those inside functions and relative ones included."""
    package = path.parent.parts[1:] if path.parts[0] in {"include", "spark_apps"} else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(name=alias.name, line=node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (node.module,) if node.module else ()
            if node.level:
                base = (*package[: len(package) - node.level + 1], *base)
            yield from (Import(name=".".join((*base, alias.name)), line=node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if function in {"import_module", "__import__"}:
                yield Import(name=str(node.args[0].value), line=node.lineno)


def environment_reads(tree: ast.AST) -> Iterator[int]:
    """Lines on which a file takes hold of the process's environment."""
    names = {"os"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname for alias in node.names if alias.name == "os" and alias.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in ENVIRONMENT)
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in ENVIRONMENT
            and isinstance(node.value, ast.Name)
            and node.value.id in names
        ):
            yield node.lineno


def layer_of(part: str) -> int:
    """Height of a part of `soh`; KeyError for one that LAYERS does not name."""
    return {name: height for height, layer in enumerate(LAYERS) for name in layer}[part]


def complaint(path: PurePosixPath, imported: Import) -> str | None:
    """Why a file may not have this import; None when it may."""
    home = path.parts[0]
    mine = PurePosixPath(path.parts[2]).stem if home == "include" and len(path.parts) > 2 else ""
    if imported.root == "airflow" and not (home in WIRING or mine == "orchestration"):
        return "Airflow belongs to soh.orchestration, dags and plugins"
    if imported.root in SPARK and home != "spark_apps":
        return "Spark belongs to spark_apps"
    if imported.root in COLUMNS and path.parts[:4] != ("include", "soh", "lake", "columns"):
        return "columns and Java belong to soh.lake.columns"
    if imported.root == "soh_spark" and home != "spark_apps":
        return "soh_spark belongs to spark_apps"
    if imported.root in {"dags", "plugins", "tests", "spark_apps"}:
        return f"nothing imports from {imported.root}"
    if imported.root in {script.stem for script in (PROJECT / "spark_apps").glob("*.py")} and home == "spark_apps":
        return "an app imports no other app"
    if not imported.part:
        return None
    if home == "spark_apps" and imported.part not in SENT_TO_SPARK:
        return "only soh.errors, soh.s3, soh.specs, soh.classifier and soh.lake go to YARN"
    if home in WIRING and imported.part not in WIRING[home]:
        return f"{home} are wired from {' and '.join(sorted(WIRING[home]))}"
    if mine and mine not in {"__init__", imported.part} and layer_of(imported.part) >= layer_of(mine):
        return f"soh.{mine} may import only from below itself"
    return None


def violations(path: PurePosixPath, source: str) -> list[str]:
    """Everything in a file, given by its path in the project, that breaks a rule."""
    tree = ast.parse(source)
    found = [
        f"{path}:{imported.line} imports {imported.name}: {why}"
        for imported in imports_of(tree, path)
        if (why := complaint(path, imported))
    ]
    if path != PurePosixPath("include/soh/settings.py"):
        found += [f"{path}:{line} reads the environment: only soh.settings does" for line in environment_reads(tree)]
    return found


def files() -> list[PurePosixPath]:
    return sorted(PurePosixPath(path.relative_to(PROJECT)) for root in ROOTS for path in (PROJECT / root).rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=str)
def test_a_file_imports_only_what_its_place_allows(path):
    assert violations(path, (PROJECT / path).read_text()) == []


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_has_files_that_are_walked(root):
    assert [path for path in files() if str(path).startswith(f"{root}/")]


def test_the_layers_name_every_part_of_the_library_and_no_other():
    parts = {path.stem for path in (PROJECT / "include/soh").glob("*.py") if path.stem != "__init__"}
    parts |= {path.parent.name for path in (PROJECT / "include/soh").glob("*/__init__.py")}
    assert parts == {name for layer in LAYERS for name in layer}


FORBIDDEN = {
    "airflow-in-a-domain": ("include/soh/streams/look.py", "from airflow.sdk import DAG"),
    "airflow-in-the-command": ("include/soh/local/up.py", "import airflow"),
    "airflow-for-types-only": (
        "include/soh/kafka/admin.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from airflow.sdk import Context",
    ),
    "airflow-in-an-app": ("spark_apps/lake.py", "import airflow.models"),
    "spark-in-the-library": ("include/soh/lake/day.py", "from pyspark.sql import DataFrame"),
    "spark-in-a-dag": ("dags/streams.py", "import pyspark"),
    "spark-inside-a-function": ("include/soh/lake/day.py", "def day():\n    import pandas"),
    "spark-by-name": ("include/soh/lake/day.py", "import importlib\nimportlib.import_module('pyspark.sql')"),
    "spark's-shared-part-in-the-library": ("include/soh/lake/day.py", "from soh_spark import schema"),
    "library-in-an-app": ("spark_apps/lake.py", "from soh.hdfs import Hdfs"),
    "library-in-what-apps-share": ("spark_apps/soh_spark/sinks.py", "from soh import settings"),
    "app-in-an-app": ("spark_apps/compact_day.py", "import lake"),
    "specs-import-settings": ("include/soh/specs/topics.py", "from soh.settings import Endpoints"),
    "errors-import-specs": ("include/soh/errors.py", "import soh.specs.topics"),
    "domain-imports-orchestration": ("include/soh/streams/look.py", "from soh.orchestration import connections"),
    "server-imports-domain": ("include/soh/kafka/admin.py", "from soh.streams.verdict import judge"),
    "server-imports-server": ("include/soh/hdfs.py", "from soh.yarn import ResourceManager"),
    "upward-by-relative-import": ("include/soh/kafka/admin.py", "from ..streams import verdict"),
    "upward-inside-a-function": ("include/soh/specs/topics.py", "def topics():\n    from soh.kafka import plan"),
    "orchestration-imports-the-command": ("include/soh/orchestration/links.py", "from soh.local import home"),
    "command-imports-orchestration": ("include/soh/local/up.py", "from soh.orchestration import assets"),
    "dag-imports-a-domain": ("dags/streams.py", "from soh.streams import look"),
    "plugin-imports-specs": ("plugins/soh_plugin.py", "from soh.specs import STREAMS"),
    "library-imports-a-dag": ("include/soh/orchestration/links.py", "from dags import streams"),
    "library-imports-a-test": ("include/soh/local/up.py", "from tests.unit import conftest"),
    "environ": ("include/soh/kafka/admin.py", "import os\nhome = os.environ['HOME']"),
    "environ-whole": ("include/soh/local/up.py", "import os\nenvironment = dict(os.environ)"),
    "environ-by-another-name": ("dags/streams.py", "import os as system\nhome = system.environ.get('HOME')"),
    "environ-imported": ("spark_apps/lake.py", "from os import environ"),
    "getenv": ("plugins/soh_plugin.py", "import os\nhome = os.getenv('HOME')"),
    "getenv-imported": ("include/soh/cli.py", "from os import getenv as look_up"),
}


@pytest.mark.parametrize(("path", "source"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_walker_catches(path, source):
    assert len(violations(PurePosixPath(path), source)) == 1


ALLOWED = {
    "airflow-in-orchestration": ("include/soh/orchestration/links.py", "from airflow.sdk import BaseOperatorLink"),
    "airflow-in-a-dag": ("dags/streams.py", "from airflow.sdk import DAG"),
    "our-own-client-of-airflow's-api": ("include/soh/status.py", "from soh.airflow_api import AirflowApi"),
    "spark-in-an-app": ("spark_apps/lake.py", "from pyspark.sql import SparkSession"),
    "specs-in-what-apps-share": ("spark_apps/soh_spark/schema.py", "from soh.specs import TableSpec"),
    "downward": ("include/soh/orchestration/links.py", "from soh.streams import look\nfrom soh.errors import SohError"),
    "within-a-part": ("include/soh/kafka/admin.py", "from soh.kafka.plan import Plan"),
    "sibling-by-relative-import": ("include/soh/kafka/admin.py", "from .plan import Plan"),
    "specs-in-a-dag": ("dags/streams.py", "from soh.specs import STREAM_APPS"),
    "os-for-other-things": ("include/soh/local/up.py", "import os\nos.kill(1, 0)"),
    "environment-in-settings": ("include/soh/settings.py", "import os\nhome = os.environ.get('SOH_HOME')"),
    "another-thing's-environ": ("include/soh/local/up.py", "print(request.environ)"),
}


@pytest.mark.parametrize(("path", "source"), ALLOWED.values(), ids=ALLOWED.keys())
def test_the_walker_lets_pass(path, source):
    assert violations(PurePosixPath(path), source) == []
