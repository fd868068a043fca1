from pathlib import Path

import pytest

from soh.errors import BadInput, ServerUnreachable
from soh_spark.result import give_up, write_text


def test_a_text_replaces_what_was_there_whole(spark, tmp_path):
    target = tmp_path / "results" / "run.json"
    for text in ("an older and longer text", "온도"):
        write_text(spark, target.as_uri(), text)
        assert target.read_text() == text
    assert [path.name for path in target.parent.iterdir() if not path.name.startswith(".")] == ["run.json"]


def test_a_path_object_is_not_needed(spark, tmp_path):
    write_text(spark, str(Path(tmp_path) / "plain.json"), "{}")
    assert (tmp_path / "plain.json").read_text() == "{}"


@pytest.mark.parametrize(("error", "code"), [(ServerUnreachable("S3 is away"), 75), (BadInput("no day"), 1)])
def test_the_exit_code_says_whether_another_try_may_help_and_the_log_ends_with_the_reason(error, code, caplog):
    with pytest.raises(SystemExit) as ended:
        give_up(error)
    assert ended.value.code == code
    assert caplog.messages[-1] == str(error)
