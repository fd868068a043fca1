"""The night on real servers, by both of its engines: grades that landed on S3, folded, killed where it hurts; a day on
HDFS, packed by one and by the other."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import shlex
import signal
import subprocess
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.fakes.lake import opened
from tests.unit.lake.columns.tables import DAY as PACKED_DAY
from tests.unit.lake.columns.tables import Lake

from soh import s3
from soh.errors import TRY_AGAIN
from soh.lake.catalog import table_figures
from soh.lake.engine import SORTED_BY
from soh.lake.landing import UNREADABLE
from soh.local import class_archive
from soh.local.environments import AIRFLOW_PYTHON, SPARK_PYTHON, java_home
from soh.settings import PROJECT
from soh.specs import FLEETS, TABLES, FleetSpec
from soh.specs.landing import LandedObject
from soh.submit import DRIVER_JAVA, catalog_settings, model_settings, properties

HOUR = datetime(2026, 5, 1, 3, tzinfo=UTC)
SENT = int(datetime(2026, 5, 1, 3, 0, tzinfo=UTC).timestamp())
DAY, EARLIER = "2026-05-01", "2026-04-01"
"""The local day of all grades, and one before it that a fold has nothing to pack of."""
WITHIN = 400
SOON = {"spark.sql.catalog.lake.s3.retry.num-retries": "1"}
"""A store that is away is given up after seconds."""

pytestmark = pytest.mark.timeout(900)


def grade(partition: int, offset: int) -> dict[str, Any]:
    return {
        "facility_id": 100 + offset % 5,
        "seq": offset,
        "event_time": SENT + offset + 0.25,
        "temperature": 40.5,
        "pf": None if offset % 7 == 0 else 0.9,
        "pred": "normal",
        "probability": 0.75,
        "model_version": "3",
        "source_partition": partition,
        "source_offset": offset * 2,
        "source_time": SENT + offset + 0.5,
    }


@dataclass
class App:
    """One process of the fold app, and what it writes."""

    process: subprocess.Popen[str]
    log: Path

    def end(self) -> tuple[int, str]:
        """Exit code and output, once it has ended; what it leaves behind is ended too."""
        try:
            code = self.process.wait(timeout=WITHIN)
        finally:
            # A killed driver's Java and workers outlive it by minutes.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        return code, self.log.read_text()

    def ask(self, *words: str) -> tuple[int, str]:
        """Have one thing done by a process that serves; its exit code, and the reason."""
        self.begin(*words)
        return self.answer()

    def begin(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> tuple[int, str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("answer "):
                code, reason = json.loads(line.removeprefix("answer "))
                return code, reason
        raise AssertionError(f"the app that serves has ended:\n{self.log.read_text()[-3000:]}")


@dataclass
class Shore:
    """The landing of one fleet, its table, and a process an engine: once for all tests, once more for what kills it."""

    servers: Any
    fleet: FleetSpec
    folder: Path
    engine: str = "local"
    landed: set[tuple[int, int]] = field(default_factory=set)
    processes: dict[str, App] = field(default_factory=dict)

    @property
    def home(self):
        return self.servers.home

    @property
    def serving(self) -> App:
        """The process that does what the tests ask of today's engine."""
        if self.engine not in self.processes:
            self.processes[self.engine] = self.start("serve")
        return self.processes[self.engine]

    @property
    def store(self):
        secrets = self.home.app_secrets
        return s3.client(self.home.endpoints.s3, secrets.s3_access_key, secrets.s3_secret_key)

    def keys(self, prefix: str) -> list[str]:
        return [e["Key"] for e in self.store.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", ())]

    def left(self) -> list[str]:
        return self.keys(f"landing/{self.fleet.scores.name}/")

    def land(self, partition: int, first: int, last: int, hour: datetime = HOUR, without=(), raw=()) -> None:
        lines = []
        for offset in range(first, last + 1):
            if offset in without:
                continue
            self.landed.add((partition, offset))
            line = {"topic": self.fleet.scores.name, "partition": partition, "offset": offset}
            line["timestamp"] = (SENT + offset) * 1000
            if offset in raw:
                line["raw"] = base64.b64encode(b"\x00no grade").decode()
                self.landed.discard((partition, offset))
            else:
                line["value"] = grade(partition, offset)
            lines.append(json.dumps(line))
        key = LandedObject(topic=self.fleet.scores.name, partition=partition, first=first, last=last, hour=hour).key
        self.store.put_object(Bucket="lake", Key=key, Body=gzip.compress("\n".join(lines).encode()))

    def environment(self) -> dict[str, str]:
        home = self.home
        given = {
            "endpoints": asdict(home.endpoints),
            "secrets": asdict(home.app_secrets),
            "class_path": class_archive.class_path().split(":"),
            "java_options": shlex.split(class_archive.JAVA_OPTIONS),
            "catalog": {**catalog_settings(home.endpoints, home.app_secrets), **SOON},
        }
        return {
            **os.environ,
            "HADOOP_CONF_DIR": str(home.hadoop_conf),
            "HADOOP_USER_NAME": home.server_user,
            "JAVA_HOME": str(java_home()),
            "NIGHT_APP": json.dumps(given),
            "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'spark_apps'}",
            **(self.spark_environment() if self.engine == "spark" else {}),
        }

    def spark_environment(self) -> dict[str, str]:
        conf = {
            **catalog_settings(self.home.endpoints, self.home.app_secrets),
            **model_settings(self.home.endpoints, self.home.app_secrets),
            **class_archive.spark_conf(),
            "spark.master": "local[2]",
            **SOON,
            "spark.driver.memory": "1g",
            "spark.driver.extraJavaOptions": DRIVER_JAVA,
            "spark.ui.enabled": "false",
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        }
        file = self.folder / "app.properties"
        file.touch(mode=0o600)
        file.write_text(properties(conf))
        return {
            "PYSPARK_PYTHON": str(SPARK_PYTHON),
            "PYSPARK_SUBMIT_ARGS": f"--properties-file {file} pyspark-shell",
            "SPARK_LOCAL_IP": "127.0.0.1",
        }

    def start(self, *arguments: str) -> App:
        log = self.folder / f"{uuid4().hex}.log"
        python = SPARK_PYTHON if self.engine == "spark" else AIRFLOW_PYTHON
        with log.open("w") as output:
            process = subprocess.Popen(
                [python, Path(__file__).with_name("night_app.py"), self.engine, *arguments],
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if arguments == ("serve",) else output,
                stderr=output,
                start_new_session=True,
                text=True,
            )
        return App(process=process, log=log)

    @property
    def result(self) -> Path:
        return self.folder / "result.json"

    def words(self, word: str = "run", place: str = "", flag: Path | None = None, day: str = EARLIER) -> list[str]:
        """What a process is told."""
        return [word, place, str(flag or ""), self.fleet.name, day, str(self.result)]

    def killed_at(self, place: str) -> None:
        code, output = self.start(*self.words("die", place)).end()
        assert code == -9, output[-3000:]

    def refused(self, word: str = "run", place: str = "") -> str:
        """The reason for which a fold gives up."""
        code, reason = self.serving.ask(*self.words(word, place))
        assert code == 1, reason
        return reason

    def fold(self, day: str = EARLIER) -> dict[str, Any]:
        code, reason = self.serving.ask(*self.words(day=day))
        assert code == 0, reason
        found: dict[str, Any] = json.loads(self.result.read_text())
        assert found["engine"] == self.engine
        return found

    def rows(self) -> Counter[tuple[int, int, int]]:
        target = self.folder / "rows"
        code, reason = self.serving.ask("rows", self.fleet.grades_table.name, str(target))
        assert code == 0, reason
        return Counter(tuple(json.loads(line)) for line in target.read_text().splitlines())

    def in_table(self) -> set[tuple[int, int]]:
        """(partition, offset) of every row; each must be there once, with its own facility."""
        rows = self.rows()
        assert set(rows.values()) <= {1}
        assert all(facility == 100 + offset % 5 for _, offset, facility in rows)
        return {(partition, offset) for partition, offset, _ in rows}

    def figures(self, name: str = ""):
        wanted = [name or self.fleet.grades_table.name]
        return table_figures(self.home.endpoints, self.home.app_secrets, None, wanted)[0]

    def next(self, partition: int) -> int:
        """The offset after the last that has landed."""
        return max((offset for found, offset in self.landed if found == partition), default=-1) + 1


def wait_for(flag: Path, running: App) -> None:
    """Until the app has come to the place where it was told to wait."""
    deadline = time.monotonic() + WITHIN
    while not flag.exists():
        assert running.process.poll() is None, running.end()
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def coast(servers, tmp_path_factory):
    coast = Shore(servers=servers, fleet=FLEETS["heat"], folder=tmp_path_factory.mktemp("night"))
    try:
        yield coast
    finally:
        for serving in coast.processes.values():
            serving.process.stdin.close()
            serving.end()


@pytest.fixture
def shore(coast):
    """The landing as the engine of small days sees it."""
    coast.engine = "local"
    return coast


@pytest.fixture(params=["local", "spark"])
def both(coast, request):
    """The landing as one engine and then the other sees it; either goes on where the other has stopped."""
    coast.engine = request.param
    return coast


def test_what_has_landed_is_in_the_table_once_and_its_objects_are_gone(both):
    shore, here, there = both, both.next(0), both.next(2) or 1000
    for first in range(0, 100, 20):
        shore.land(0, here + first, here + first + 19)
        shore.land(2, there + first, there + first + 19, hour=HOUR.replace(hour=4))
    # Left by a service that died after it had written and before it had committed.
    shore.land(0, here + 20, here + 50, hour=HOUR.replace(hour=5))
    told = shore.fold()
    assert (told["folded"], told["rows"], told["duplicates"], told["missing"]) == (True, 200, 31, 0)
    assert (told["objects"], told["objects_deleted"], told["facilities"]) == (11, 11, 5)
    assert (told["positions"], told["days"]) == ({"0": here + 100, "2": there + 100}, [DAY])
    assert shore.left() == []
    assert shore.in_table() == shore.landed
    assert shore.figures().rows == len(shore.landed)


def test_a_second_fold_has_nothing_to_do_and_says_so(both):
    before = both.figures().snapshots
    told = both.fold()
    assert (told["folded"], told["rows"]) == (False, 0)
    assert told["positions"] == {"0": both.next(0), "2": both.next(2)}
    assert told["verdict"].startswith("nothing to do")
    assert both.figures().snapshots == before


@pytest.mark.parametrize("place", ["_prove", "_delete"])
def test_killed_after_its_commit_the_next_run_proves_and_deletes_and_appends_nothing_twice(shore, place):
    begin = shore.next(0)
    shore.land(0, begin, begin + 9)
    shore.killed_at(place)
    assert len(shore.left()) == 1
    begin = shore.next(2)
    shore.land(2, begin, begin + 4)
    told = shore.fold()
    assert (told["rows"], told["missing"]) == (5, 0)
    assert shore.left() == []
    assert shore.figures().rows == len(shore.landed)


def test_originals_that_somebody_else_deleted_before_the_proof_are_asked_for_and_no_row_is_touched(shore):
    begin = shore.next(0)
    shore.land(0, begin, begin + 9)
    shore.killed_at("_prove")
    (key,) = shore.left()
    shore.store.delete_object(Bucket="lake", Key=key)
    assert "somebody else has deleted there. Nothing is changed" in shore.refused()
    assert shore.figures().rows == len(shore.landed)
    shore.land(0, begin, begin + 9)
    assert shore.fold()["objects_deleted"] == 1
    assert shore.figures().rows == len(shore.landed)


def test_killed_before_its_commit_nothing_has_happened(shore):
    begin = shore.next(0)
    shore.land(0, begin, begin + 9)
    shore.killed_at("append")
    assert len(shore.left()) == 1
    assert shore.fold()["rows"] == 10
    assert shore.figures().rows == len(shore.landed)


def test_a_store_that_goes_away_in_the_middle_is_named_and_the_next_run_makes_it_good(shore, tmp_path):
    # Where a file is written: before that, whoever loads a table asks a store that is away for a minute and a half.
    store_goes_away(shore, "write_file", tmp_path / "flag")


def store_goes_away(shore: Shore, place: str, flag: Path) -> None:
    """Stop S3 while a fold is at a place; it must say so and leave everything to the next one."""
    begin = shore.next(0)
    shore.land(0, begin, begin + 9)
    shore.serving.begin(*shore.words("wait", place, flag))
    service = shore.servers.services["s3proxy"]
    wait_for(flag, shore.serving)
    shore.servers.supervisor.stop([service.name])
    flag.unlink()
    code, reason = shore.serving.answer()
    shore.servers.supervisor.start([service])
    shore.servers.wait([service])
    assert code == TRY_AGAIN
    assert shore.home.endpoints.s3 in reason
    assert shore.fold()["rows"] == 10
    assert shore.left() == []
    assert shore.figures().rows == len(shore.landed)


def test_an_append_that_is_not_what_landed_is_taken_out_again_and_the_next_run_makes_it_good(both):
    begin = both.next(0)
    before = both.figures().rows
    both.land(0, begin, begin + 19)
    assert "is not what had landed, so it is taken out again" in both.refused("spoil", "append")
    assert len(both.left()) == 1
    assert both.figures().rows == before
    told = both.fold()
    assert (told["rows"], told["missing"]) == (20, 0)
    assert both.figures().rows == len(both.landed)


def test_of_two_folds_at_once_the_second_to_commit_is_taken_out(shore, tmp_path):
    begin = shore.next(0)
    shore.land(0, begin, begin + 9)
    flag = tmp_path / "flag"
    slow = shore.start(*shore.words("wait", "append", flag))
    wait_for(flag, slow)
    assert shore.fold()["rows"] == 10
    flag.unlink()
    code, output = slow.end()
    assert code == 1
    assert "was consumed up to" in output[-2000:]
    assert shore.figures().rows == len(shore.landed)


def test_a_gap_and_unreadable_records_are_told_and_kept(both):
    begin = both.next(2)
    both.land(2, begin + 3, begin + 12, without=(begin + 6, begin + 7), raw=(begin + 9,))
    told = both.fold()
    assert (told["rows"], told["missing"], told["unreadable"]) == (7, 5, 1)
    assert told["gaps"] == [
        f"partition 2: 3 records from offset {begin} to {begin + 2}",
        f"partition 2: 2 records from offset {begin + 6} to {begin + 7}",
    ]
    assert sum(told["reasons"].values()) == 1
    *_, key = both.keys(f"{UNREADABLE}/{both.fleet.scores.name}/")
    (line,) = gzip.decompress(both.store.get_object(Bucket="lake", Key=key)["Body"].read()).splitlines()
    kept = json.loads(line)
    assert (kept["partition"], kept["offset"]) == (2, begin + 9)
    assert base64.b64decode(kept["raw"]) == b"\x00no grade"
    assert both.left() == []
    assert both.in_table() == both.landed


def test_an_object_that_lies_about_itself_stops_the_fold_with_its_name(shore):
    begin = shore.next(0)
    key = LandedObject(topic=shore.fleet.scores.name, partition=0, first=begin, last=begin + 1, hour=HOUR).key
    shore.store.put_object(Bucket="lake", Key=key, Body=b"cut off")
    assert f"s3://lake/{key} does not hold what its key says" in shore.refused()
    assert shore.left() == [key]
    shore.store.delete_object(Bucket="lake", Key=key)


def test_a_day_on_s3_is_packed_and_viewed_after_the_fold_and_a_second_time_there_is_nothing_to_do(shore):
    assert shore.figures().files > 1
    told = shore.fold(DAY)
    packed, hourly, daily = told["compaction"], *told["views"]
    assert (packed["compacted"], packed["files_after"], packed["duplicates"]) == (True, 1, 0)
    assert shore.figures().files == 1
    assert shore.in_table() == shore.landed
    assert (hourly["view"], hourly["source_rows"], hourly["refreshed"]) == ("heat_grades_hourly", packed["rows"], True)
    assert (daily["view"], daily["rows"], daily["refreshed"]) == ("heat_grades_daily", 5, True)
    assert shore.figures("heat_grades_daily").rows == 5
    again = shore.fold(DAY)
    assert (again["folded"], again["compaction"]["compacted"]) == (False, False)
    assert not any(view["refreshed"] for view in again["views"])


def test_both_engines_plan_prove_and_tell_the_same_of_the_same_day_and_leave_the_same_rows_in_the_same_order(coast):
    told, left = {}, {}
    columns, spec = opened(coast.home), replace(TABLES["hydraulic_raw"], small_files=3)
    for engine in ("local", "spark"):
        coast.engine = engine
        lake = Lake(engine=columns, spec=replace(spec, name=f"packed_by_{engine}"))
        columns.ensure(lake.spec)
        for offset in (40, 0, 20, 10, 30, 10):
            lake.append(offset)
        code, reason = coast.serving.ask("compact", lake.spec.name, str(PACKED_DAY), str(coast.result))
        assert code == 0, reason
        told[engine] = json.loads(coast.result.read_text())
        left[engine] = lake.read()
    names = ("compacted", "rows", "facilities", "duplicates", "hash", "files_before", "files_after", "verdict")
    assert {name: told["local"][name] for name in names} == {name: told["spark"][name] for name in names}
    assert (told["local"]["rows"], told["local"]["duplicates"], told["local"]["files_after"]) == (60, 10, 1)
    assert left["local"].equals(left["spark"])
    assert left["local"].equals(left["local"].sort(SORTED_BY))
