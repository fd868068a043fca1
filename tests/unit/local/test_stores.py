"""Setting up the stores: what is said when it fails. That it works is seen on real servers."""

from __future__ import annotations

import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from soh.errors import ServerUnreachable
from soh.local.stores import Account, Privilege, make_buckets, make_tsdb

PASSWORD = "hush-hush"


class DiesWhenUsersAreMade(BaseHTTPRequestHandler):
    """A time-series database that lets nobody in and breaks off at the first question that changes something."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dying():
    with ThreadingHTTPServer(("127.0.0.1", 0), DiesWhenUsersAreMade) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_database_that_goes_away_while_passwords_are_set_does_not_tell_them(dying):
    with pytest.raises(ServerUnreachable, match=f"InfluxDB at {dying} went away") as failure:
        make_tsdb(dying, "soh", PASSWORD, [])
    # As a log shows it: with causes, without the lines of this file.
    shown = "".join(traceback.format_exception_only(failure.value))
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
    assert PASSWORD not in shown


def test_an_account_does_not_show_its_password():
    assert PASSWORD not in repr(Account(name="writer", privilege=Privilege.ALL, password=PASSWORD))


def test_a_store_that_is_not_there_is_named():
    with pytest.raises(
        ServerUnreachable, match=r"object store at http://127\.0\.0\.1:1 did not make the buckets some and other"
    ):
        make_buckets("http://127.0.0.1:1", ["s3://some", "s3://other"], "key", PASSWORD)
