"""The command of the service: what it is given wrongly, it names, before it connects to anything."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from soh.serving.scores_to_tsdb import app


@pytest.fixture
def arguments(tmp_path):
    password = tmp_path / "password"
    password.write_text("hush\n")
    return {
        "--kafka": "127.0.0.1:1",
        "--tsdb": "http://127.0.0.1:1",
        "--database": "soh",
        "--user": "writer",
        "--password-file": str(password),
    }


def run(arguments):
    return CliRunner().invoke(app, [word for pair in arguments.items() for word in pair])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"--tsdb": "127.0.0.1:8086"}, "must be http://HOST:PORT", id="no-scheme"),
        pytest.param({"--tsdb": "http://somewhere"}, "must be http://HOST:PORT", id="no-port"),
        pytest.param({"--tsdb": "http://somewhere:99999"}, "must be http://HOST:PORT", id="no-such-port"),
        pytest.param({"--password-file": "/nowhere/password"}, "/nowhere/password cannot be read", id="no-file"),
        pytest.param({"--password-file": "/dev/null"}, "is empty", id="empty-file"),
    ],
)
def test_a_wrong_argument_is_named(arguments, changes, complaint):
    done = run(arguments | changes)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("missing", ["--kafka", "--tsdb", "--database", "--user", "--password-file"])
def test_nothing_is_guessed(arguments, missing):
    del arguments[missing]
    done = run(arguments)
    assert done.exit_code == 2
    assert missing in done.stderr


def test_the_password_is_no_argument():
    help_text = CliRunner().invoke(app, ["--help"]).output
    assert "--password " not in help_text
    assert "--password-file" in help_text
