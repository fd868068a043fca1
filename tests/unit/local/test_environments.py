"""Environments are made from their locks, once, and again when a lock changes."""

import subprocess
import sys
from pathlib import Path

import pytest

from soh.errors import SetupFailed
from soh.local import environments


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two locks and one pom, and nothing installed."""
    (tmp_path / "spark_apps").mkdir()
    (tmp_path / "requirements.txt").write_text("one==1\n    # via two\ntwo==2\n")
    (tmp_path / "spark_apps" / "requirements.txt").write_text("one==1\n")
    pom = tmp_path / "maven" / "kafka"
    pom.mkdir(parents=True)
    (pom / "pom.xml").write_text("<project/>")
    monkeypatch.setattr(environments, "PROJECT", tmp_path)
    monkeypatch.setattr(environments, "VENVS", tmp_path / ".venv")
    monkeypatch.setattr(environments, "JARS", tmp_path / ".venv" / "jars")
    monkeypatch.setattr(environments, "_POMS", tmp_path / "maven")
    monkeypatch.setattr(environments, "java_home", lambda: Path("/java"))
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """Programs that are run, and make the folders they would make."""
    ran = []

    def record(command, what, **_):
        ran.append(command)
        for word in (command[-1], *(word.removeprefix("-DoutputDirectory=") for word in command)):
            if "/.venv/" in word and not word.endswith("/python"):
                Path(word).mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environments, "run", record)
    return ran


def make_all(project):
    environments._environment("airflow", project / "requirements.txt")
    environments._environment("spark", project / "spark_apps" / "requirements.txt")
    environments._jars(project / "maven" / "kafka")


def test_nothing_installed_is_not_complete_and_everything_installed_is(project, commands):
    assert not environments.complete()
    make_all(project)
    assert environments.complete()


@pytest.mark.parametrize("changed", ["requirements.txt", "spark_apps/requirements.txt", "maven/kafka/pom.xml"])
def test_a_changed_lock_or_pom_makes_it_incomplete(project, commands, changed):
    make_all(project)
    (project / changed).write_text((project / changed).read_text() + "\n")
    assert not environments.complete()


def test_what_is_there_is_not_made_again(project, commands):
    make_all(project)
    before = len(commands)
    make_all(project)
    assert len(commands) == before


def test_an_interrupted_installation_is_not_taken_for_a_finished_one(project, commands, monkeypatch):
    def fail(command, what, **_):
        if "install" in command:
            (project / ".venv" / "airflow").mkdir(parents=True, exist_ok=True)
            raise SetupFailed("the network went away")

    monkeypatch.setattr(environments, "run", fail)
    with pytest.raises(SetupFailed):
        environments._environment("airflow", project / "requirements.txt")
    assert not environments._is_stamped(project / ".venv" / "airflow", project / "requirements.txt")


def test_locks_are_installed_as_they_are_without_resolving_anything(project, commands):
    said = environments._environment("airflow", project / "requirements.txt")
    assert said == "installed 2 packages"
    install = commands[-1]
    assert "--no-deps" in install
    assert install[-1] == str(project / "requirements.txt")


def test_old_jars_do_not_stay_beside_new_ones(project, commands):
    make_all(project)
    old = project / ".venv" / "jars" / "kafka" / "old-1.jar"
    old.touch()
    (project / "maven" / "kafka" / "pom.xml").write_text("<project><!-- new --></project>")
    environments._jars(project / "maven" / "kafka")
    assert not old.exists()


def test_a_command_that_fails_shows_the_end_of_its_output():
    code = "import sys; [print('line', n) for n in range(30)]; sys.exit(3)"
    with pytest.raises(SetupFailed, match=r"(?s)counting failed with exit code 3:.*line 29") as failure:
        environments.run([sys.executable, "-c", code], "counting")
    assert "line 3\n" not in str(failure.value)


def test_the_newest_postgresql_is_taken_by_number_not_by_letter(tmp_path, monkeypatch):
    for version in ("9", "15", "16"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    (tmp_path / "17" / "bin").mkdir(parents=True)
    real = Path
    monkeypatch.setattr(environments, "Path", lambda path: tmp_path if path == "/usr/lib/postgresql" else real(path))
    assert environments.postgres_bin() == tmp_path / "16" / "bin"


def test_no_java_is_a_sentence_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(environments, "_find_java", lambda: None)
    with pytest.raises(SetupFailed, match=r"no Java 17 or 21 .* run \./soh up"):
        environments.java_home()


def test_a_folder_that_only_looks_like_java_17_is_not_taken(tmp_path, monkeypatch):
    for name, version in (("java-1.8.0-17", "1.8.0_17"), ("java-17-vendor", "17.0.1")):
        (tmp_path / name / "bin").mkdir(parents=True)
        java = tmp_path / name / "bin" / "java"
        java.write_text(f"#!/bin/sh\necho asked >> $0.log\necho 'openjdk version \"{version}\"' >&2\n")
        java.chmod(0o755)
    monkeypatch.setattr(environments, "Path", lambda _: tmp_path)
    assert environments.java_home() == tmp_path / "java-17-vendor"


def test_a_java_is_asked_for_its_version_once(tmp_path, monkeypatch):
    test_a_folder_that_only_looks_like_java_17_is_not_taken(tmp_path, monkeypatch)
    environments.java_home()
    assert (tmp_path / "java-17-vendor" / "bin" / "java.log").read_text() == "asked\n"


def test_the_set_up_runs_under_a_bare_python():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import soh.local.environments, soh.local.steps, soh.errors"
    bare = [sys.base_prefix + "/bin/python3", "-I", "-S", "-c", code, str(environments.PROJECT / "include")]
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("lack", "package"), [("influxd", "influxdb"), ("mvn", "maven")])
def test_a_program_that_is_missing_is_named_by_its_package(monkeypatch, lack, package):
    real = environments.shutil.which
    monkeypatch.setattr(environments.shutil, "which", lambda name: None if name == lack else real(name))
    assert package in environments._missing_packages()


def test_a_library_that_does_not_load_is_missing(monkeypatch):
    assert not environments._loads("libnobody-has-this.so.1")
    monkeypatch.setattr(environments, "_loads", lambda name: name != "libgomp.so.1")
    assert "libgomp1" in environments._missing_packages()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The folder that stands for the machine's /etc; set-up commands really run, below it and without root."""
    monkeypatch.setattr(environments, "Path", lambda path: tmp_path / path.lstrip("/"))
    monkeypatch.setattr(environments, "_as_root", lambda *command: list(command))
    return tmp_path / "etc"


def test_servers_that_packages_bring_start_neither_now_nor_at_boot(machine):
    environments._keep_servers_from_starting(["postgresql", "influxdb"])
    assert (machine / "systemd/system/influxdb.service").readlink() == Path("/dev/null")
    assert (machine / "postgresql-common/createcluster.conf").read_text() == "create_main_cluster = false\n"


def test_servers_that_the_machine_has_already_are_left_as_they_are(machine):
    unit = machine / "systemd/system/influxdb.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]")
    environments._keep_servers_from_starting(["maven", "influxdb"])
    assert unit.read_text() == "[Service]"
    assert not (machine / "postgresql-common").exists()


def test_an_extra_environment_is_made_once_and_again_for_another_version(project, commands):
    python = environments.ensure_extra("bench/one", ["one==1"])
    assert python == project / ".venv" / "bench" / "one" / "bin" / "python"
    made = len(commands)
    assert commands[-1][-1] == "one==1"
    assert environments.ensure_extra("bench/one", ["one==1"]) == python
    assert len(commands) == made
    environments.ensure_extra("bench/one", ["one==2"])
    assert commands[-1][-1] == "one==2"
