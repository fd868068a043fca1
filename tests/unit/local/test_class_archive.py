"""The archive of classes is made once, and again when what it was made from changes."""

import shlex
from pathlib import Path

import pytest

from soh.errors import SetupFailed
from soh.local import class_archive


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two installed folders, a Java, a rehearsal, and no archive."""
    java, airflow, jars = tmp_path / "java", tmp_path / "airflow", tmp_path / "jars"
    for made_from in (airflow / ".made-from", jars / "spark" / ".made-from"):
        made_from.parent.mkdir(parents=True)
        made_from.write_text("some lock")
    (airflow / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (java / "lib" / "server").mkdir(parents=True)
    (java / "lib" / "server" / "libjvm.so").write_text("Java 17")
    (tmp_path / "rehearsal.py").write_text("main()")
    monkeypatch.setattr(class_archive, "AIRFLOW_PYTHON", airflow / "bin" / "python")
    monkeypatch.setattr(class_archive, "JARS", jars)
    monkeypatch.setattr(class_archive, "ARCHIVE", jars / "spark-classes.jsa")
    monkeypatch.setattr(class_archive, "_REHEARSAL", tmp_path / "rehearsal.py")
    monkeypatch.setattr(class_archive, "java_home", lambda: java)
    return tmp_path


@pytest.fixture
def commands(project, monkeypatch):
    """Commands that are run, and leave the files that they would leave."""
    ran = []

    def record(command, what, **environment):
        ran.append((command, environment))
        for word in " ".join((*command, *shlex.split(environment.get("PYSPARK_SUBMIT_ARGS", "")))).split():
            for option in ("-XX:DumpLoadedClassList=", "-XX:SharedArchiveFile="):
                if word.startswith(option):
                    Path(word.removeprefix(option)).write_text("java/lang/Object\n")

    monkeypatch.setattr(class_archive, "run", record)
    return ran


def make():
    return class_archive.ensure(lambda _: None)


def test_an_archive_is_made_of_what_a_rehearsal_loads_for_the_class_path_of_the_apps(project, commands):
    assert not class_archive.is_current()
    assert make().startswith("1 classes")
    assert class_archive.is_current()
    (_, rehearsal), (dump, _) = commands
    assert shlex.split(rehearsal["PYSPARK_SUBMIT_ARGS"])[:2] == ["--driver-class-path", class_archive.class_path()]
    assert dump[-1] == class_archive.class_path()


def test_what_is_there_is_not_made_again(project, commands):
    make()
    make()
    assert len(commands) == 2


@pytest.mark.parametrize(
    "changed", ["java/lib/server/libjvm.so", "airflow/.made-from", "jars/spark/.made-from", "rehearsal.py"]
)
def test_another_java_or_lock_or_rehearsal_makes_it_anew(project, commands, changed):
    make()
    (project / changed).write_text("another")
    assert not class_archive.is_current()
    make()
    assert class_archive.is_current()
    assert len(commands) == 4


def test_a_rehearsal_that_failed_leaves_no_archive(project, monkeypatch):
    def fail(command, what, **_):
        raise SetupFailed(what)

    monkeypatch.setattr(class_archive, "run", fail)
    with pytest.raises(SetupFailed, match="rehearsal"):
        make()
    assert not class_archive.is_current()
