"""What the environment may set, and the addresses that every part is given."""

import pytest
from tests.fakes.endpoints import ENDPOINTS

from soh.errors import BadInput
from soh.settings import PROJECT, Endpoints, Settings, child_environment


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("SOH_HOME", "SOH_PORT_BASE", "SOH_DATA"):
        monkeypatch.delenv(name, raising=False)


def test_without_settings_state_lies_beside_the_code_and_recordings_beside_the_project():
    settings = Settings.from_environment()
    assert settings.home == PROJECT / ".runtime"
    assert settings.data == PROJECT.parent / "shared" / "data"
    assert settings.port_base is None


def test_settings_come_from_the_environment_with_home_and_working_folder_resolved(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    monkeypatch.setenv("SOH_HOME", "~/copy")
    monkeypatch.setenv("SOH_DATA", "recorded")
    monkeypatch.setenv("SOH_PORT_BASE", "24000")
    settings = Settings.from_environment()
    assert settings.home == tmp_path / "somebody" / "copy"
    assert settings.data == tmp_path / "recorded"
    assert settings.port_base == 24000


@pytest.mark.parametrize("value", ["many", "-1", "21000.5"])
def test_a_port_base_that_is_no_number_is_refused(monkeypatch, value):
    monkeypatch.setenv("SOH_PORT_BASE", value)
    with pytest.raises(BadInput, match=f"SOH_PORT_BASE is '{value}'"):
        Settings.from_environment()


def test_a_child_gets_our_environment_and_the_changes(monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("CHANGED", "1")
    found = child_environment(CHANGED="2")
    assert (found["KEPT"], found["CHANGED"]) == ("1", "2")


def test_every_path_on_hdfs_is_below_one_root():
    assert ENDPOINTS.warehouse == "hdfs://127.0.0.1:8020/soh/warehouse"
    assert ENDPOINTS.checkpoint("heat_to_lake") == "/soh/checkpoints/heat_to_lake"
    assert ENDPOINTS.batch_result("tag") == "/soh/results/tag.json"
    assert ENDPOINTS.training_result("tag", "heat") == "/soh/results/tag/heat.json"
    assert ENDPOINTS.model_in_use("heat_scoring") == "/soh/models_in_use/heat_scoring.json"
    assert ENDPOINTS.catalog_jdbc == "jdbc:postgresql://127.0.0.1:6/lake_catalog"


def test_addresses_come_back_as_they_were_written(tmp_path):
    ENDPOINTS.write(tmp_path / "endpoints.json")
    assert Endpoints.read(tmp_path / "endpoints.json") == ENDPOINTS


def test_a_missing_file_of_addresses_says_what_makes_it(tmp_path):
    with pytest.raises(BadInput, match=r"endpoints\.json is missing.*\./soh up"):
        Endpoints.read(tmp_path / "endpoints.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kafka": "a:1"}', '{"nobody": 1}'])
def test_a_file_that_is_not_the_list_of_addresses_is_named(tmp_path, text):
    (tmp_path / "endpoints.json").write_text(text)
    with pytest.raises(BadInput, match=r"endpoints\.json is not the list of addresses"):
        Endpoints.read(tmp_path / "endpoints.json")
