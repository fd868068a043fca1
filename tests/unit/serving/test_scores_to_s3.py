"""The command of the service: what it is given wrongly, it names, before it connects to anything."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from soh.serving.scores_to_s3 import app


@pytest.fixture
def arguments(tmp_path):
    key = tmp_path / "key"
    key.write_text("hush\n")
    return {
        "--kafka": "127.0.0.1:1",
        "--s3": "http://127.0.0.1:1",
        "--bucket": "s3://lake",
        "--access-key-file": str(key),
        "--secret-key-file": str(key),
    }


def run(arguments):
    return CliRunner().invoke(app, [word for pair in arguments.items() for word in pair])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"--s3": "127.0.0.1:9000"}, "must be http://HOST:PORT", id="no-scheme"),
        pytest.param({"--s3": "http://somewhere"}, "must be http://HOST:PORT", id="no-port"),
        pytest.param({"--s3": "http://somewhere:99999"}, "must be http://HOST:PORT", id="no-such-port"),
        pytest.param({"--bucket": "lake"}, "must be s3://NAME", id="bucket-without-scheme"),
        pytest.param({"--bucket": "s3://lake/folder"}, "must be s3://NAME", id="folder-in-a-bucket"),
        pytest.param({"--access-key-file": "/nowhere/key"}, "--access-key-file /nowhere/key cannot", id="no-file"),
        pytest.param({"--secret-key-file": "/dev/null"}, "--secret-key-file /dev/null is empty", id="empty-file"),
        pytest.param({"--every": "0"}, "--every", id="no-time"),
        pytest.param({"--every": "300"}, "--every", id="too-rare-for-the-watch"),
    ],
)
def test_a_wrong_argument_is_named(arguments, changes, complaint):
    done = run(arguments | changes)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("missing", ["--kafka", "--s3", "--bucket", "--access-key-file", "--secret-key-file"])
def test_nothing_is_guessed(arguments, missing):
    del arguments[missing]
    done = run(arguments)
    assert done.exit_code == 2
    assert missing in done.stderr


def test_no_key_is_an_argument():
    help_text = CliRunner().invoke(app, ["--help"]).output
    assert "--access-key-file" in help_text
    assert "--access-key " not in help_text
    assert "--secret-key " not in help_text
