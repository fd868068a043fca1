"""supervisord's configuration says what the services say, and asking a supervisor that is not there is no error."""

import configparser
import shlex
import xmlrpc.client
from datetime import timedelta

import pytest
from supervisor.xmlrpc import Faults

from soh.errors import SetupFailed
from soh.local.options import FleetOptions
from soh.local.processes import MARK
from soh.local.services import Service, all_services
from soh.local.supervisor import Supervisor, log_file, wait_for, wait_until_ready, write_config


def service(**changes):
    defaults = {"name": "one", "command": ("/bin/one",), "ready": lambda: True, "stage": 1}
    return Service(**{**defaults, **changes})


def rendered(home, *services):
    parser = configparser.RawConfigParser()
    path = write_config(home, services)
    parser.read(path)
    return parser


def test_every_service_is_a_program_that_starts_when_told_and_again_when_it_dies(home):
    services = all_services(home, FleetOptions(data="/data"))
    parser = rendered(home, *services)
    programs = [name for name in parser.sections() if name.startswith("program:")]
    assert programs == [f"program:{each.name}" for each in services]
    for program in programs:
        assert parser[program]["autostart"] == "false"
        assert parser[program]["autorestart"] == "true"
        assert f'{MARK}="{home.path}"' in parser[program]["environment"]


def test_a_command_comes_through_word_by_word(home):
    words = ("/bin/one", "two words", 'a "quote"', "100%", "-cp", "/jars/*")
    command = rendered(home, service(command=words))["program:one"]["command"]
    # supervisord expands the line the way Python formats one, then splits it the way a shell does.
    assert shlex.split(command % {}) == list(words)


def test_the_socket_is_private_and_nothing_listens_on_a_port(home):
    parser = rendered(home, service())
    assert parser["unix_http_server"]["chmod"] == "0600"
    assert "inet_http_server" not in parser


def test_only_a_service_of_another_user_changes_the_user(home):
    parser = rendered(home, service(name="own", user=home.server_user), service(name="other", user="nobody"))
    assert "user" not in parser["program:own"]
    assert parser["program:other"]["user"] == "nobody"


def test_a_server_that_is_told_to_end_quickly_is_told_alone(home):
    parser = rendered(home, service(name="postgres", stop_signal="INT"), service(name="java"))
    assert parser["program:postgres"]["stopasgroup"] == "false"
    assert parser["program:java"]["stopasgroup"] == "true"


def test_without_supervisord_there_are_no_states_and_it_is_not_up(home):
    assert not Supervisor(home).is_up()
    assert Supervisor(home).states() == {}


def test_waiting_ends_when_every_service_is_ready(home):
    answers = iter([False, False, True])
    said = []
    wait_until_ready(home, [service(ready=lambda: next(answers))], timedelta(seconds=10), said.append)
    assert said == ["waiting for one", "waiting for one"]


def test_waiting_in_vain_names_the_service_and_shows_the_end_of_its_log(home):
    log_file(home, "one").write_text("".join(f"line {number}\n" for number in range(20)))
    with pytest.raises(SetupFailed, match=r"(?s)not ready within .*: one\..*line 19") as failure:
        wait_until_ready(home, [service(ready=lambda: False), service(name="two")], timedelta(0), lambda _: None)
    assert "line 3\n" not in str(failure.value)
    assert "two" not in str(failure.value)


def test_waiting_for_a_condition_in_vain_names_it():
    with pytest.raises(SetupFailed, match="for the moon"):
        wait_for(lambda: False, timedelta(0), "the moon")


class Dying:
    """A supervisord whose one service ends between the question for its state and the order to stop it."""

    def __init__(self, *states):
        self.states = iter(states)

    def getAllProcessInfo(self):  # noqa: N802
        self.state = next(self.states)
        return [{"name": "one", "statename": self.state}]

    def stopProcess(self, name, wait):  # noqa: N802
        if self.state != "STARTING":
            raise xmlrpc.client.Fault(Faults.NOT_RUNNING, f"NOT_RUNNING: {name}")


def test_a_service_that_ends_before_it_is_told_to_is_stopped_all_the_same(home, monkeypatch):
    monkeypatch.setattr(Supervisor, "_rpc", Dying("RUNNING", "STOPPED"))
    Supervisor(home).stop(["one"])


def test_a_service_that_ends_and_is_started_again_meanwhile_is_told_again(home, monkeypatch):
    supervisord = Dying("RUNNING", "EXITED", "STARTING", "STOPPING", "STOPPED")
    monkeypatch.setattr(Supervisor, "_rpc", supervisord)
    Supervisor(home).stop(["one"])
    assert supervisord.state == "STOPPED"
