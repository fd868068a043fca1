from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from soh.errors import BadInput, ServerUnreachable
from soh.hdfs import FileStatus, Hdfs

MISSING = (404, {"RemoteException": {"exception": "FileNotFoundException", "message": "File /x does not exist."}})
SAFE_MODE = (403, {"RemoteException": {"exception": "SafeModeException", "message": "Name node is in safe mode."}})
MODIFIED = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)

Answer = tuple[int, object]


class NameNode(ThreadingHTTPServer):
    """Speaks as much WebHDFS as a test tells it to, and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Callable[[], Answer]] = {}
        self.asked: list[str] = []
        self.queries: list[dict[str, list[str]]] = []
        self.written = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, *answers: Answer) -> None:
        """Give these answers to an operation in turn, and the last one from then on."""
        left = list(answers)
        self.answers[operation] = lambda: left.pop(0) if len(left) > 1 else left[0]


class _Handler(BaseHTTPRequestHandler):
    server: NameNode

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        operation = query["op"][0] if "op" in query else "DATA"
        self.server.asked.append(f"{operation} {unquote(url.path).removeprefix('/webhdfs/v1')}")
        self.server.queries.append(query)
        self.server.written = self.rfile.read(int(self.headers.get("Content-Length", 0))) or self.server.written
        status, body = self.server.answers[operation]()
        if status == 0:
            # Hang up without a word, as a process does that is killed.
            self.close_connection = True
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if status == 307:
            self.send_header("Location", f"{self.server.url}/data")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_POST = _serve  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Silence."""


@pytest.fixture
def name_node() -> Iterator[NameNode]:
    with NameNode() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hdfs(name_node: NameNode) -> Hdfs:
    return Hdfs(name_node.url, "soh")


def entry(name: str, kind: str = "FILE", length: int = 12) -> dict[str, object]:
    return {
        "pathSuffix": name,
        "type": kind,
        "length": length,
        "modificationTime": int(MODIFIED.timestamp() * 1000),
    }


def entries(*found: dict[str, object]) -> Answer:
    return 200, {"FileStatuses": {"FileStatus": list(found)}}


def test_a_listing_tells_length_time_and_kind_of_each_entry(hdfs, name_node):
    name_node.answer("LISTSTATUS", entries(entry("0"), entry("state", kind="DIRECTORY", length=0)))
    assert hdfs.listing("/soh/checkpoints") == {
        "0": FileStatus(length=12, modified=MODIFIED, is_folder=False),
        "state": FileStatus(length=0, modified=MODIFIED, is_folder=True),
    }
    assert name_node.queries[0]["user.name"] == ["soh"]


def test_a_missing_folder_has_an_empty_listing(hdfs, name_node):
    name_node.answer("LISTSTATUS", MISSING)
    assert hdfs.listing("/x") == {}


def test_a_folder_that_goes_while_it_is_listed_has_an_empty_listing(hdfs, name_node):
    # One entry alone makes the client ask whether the path is a file.
    name_node.answer("LISTSTATUS", entries(entry("0")))
    name_node.answer("GETFILESTATUS", MISSING)
    assert hdfs.listing("/x") == {}


def test_a_text_is_read_as_utf_8(hdfs, name_node):
    name_node.answer("OPEN", (200, "온도".encode()))
    assert hdfs.read_text("/x") == "온도"


def test_a_missing_text_is_none(hdfs, name_node):
    name_node.answer("OPEN", MISSING)
    assert hdfs.read_text("/x") is None


def test_bytes_that_are_no_text_are_refused(hdfs, name_node):
    name_node.answer("OPEN", (200, b"\xff\xfe\x00"))
    with pytest.raises(BadInput, match=r"/soh/results/x on http.*not UTF-8"):
        hdfs.read_text("/soh/results/x")


def test_a_text_is_written_over_an_older_one(hdfs, name_node):
    name_node.answer("CREATE", (307, {}))
    name_node.answer("DATA", (201, {}))
    hdfs.write_text("/soh/x", "온도")
    assert name_node.asked == ["CREATE /soh/x", "DATA /data"]
    assert name_node.queries[0]["overwrite"] == ["True"]
    assert name_node.written == "온도".encode()


def test_a_path_that_was_missing_is_as_good_as_deleted(hdfs, name_node):
    name_node.answer("DELETE", (200, {"boolean": False}))
    hdfs.delete("/x")
    assert name_node.asked == ["DELETE /x"]


CALLS = {
    "listing": ("LISTSTATUS", lambda hdfs: hdfs.listing("/soh/x")),
    "read_text": ("OPEN", lambda hdfs: hdfs.read_text("/soh/x")),
    "write_text": ("CREATE", lambda hdfs: hdfs.write_text("/soh/x", "text")),
    "delete": ("DELETE", lambda hdfs: hdfs.delete("/soh/x")),
}
FAILURES = {
    "safe-mode": SAFE_MODE,
    "not-signed-in": (401, {}),
    "server-error-without-a-reason": (500, b"<html>Internal Server Error</html>"),
    "json-of-something-else": (500, {"status": "error"}),
    "hangs-up": (0, None),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize(("operation", "call"), CALLS.values(), ids=CALLS.keys())
def test_every_other_failure_is_an_unreachable_server_named_with_the_path(hdfs, name_node, operation, call, failure):
    name_node.answer(operation, failure)
    with pytest.raises(ServerUnreachable) as raised:
        call(hdfs)
    assert name_node.url in str(raised.value)
    assert "/soh/x" in str(raised.value)


@pytest.mark.parametrize(("operation", "call"), CALLS.values(), ids=CALLS.keys())
def test_a_name_node_that_is_down_is_unreachable(operation, call):
    with NameNode() as server:
        url = server.url
    with pytest.raises(ServerUnreachable, match=url):
        call(Hdfs(url, "soh"))


@pytest.mark.parametrize(("operation", "call"), list(CALLS.values())[2:], ids=list(CALLS)[2:])
def test_a_missing_path_is_a_failure_where_something_is_to_be_changed(hdfs, name_node, operation, call):
    name_node.answer(operation, MISSING)
    with pytest.raises(ServerUnreachable):
        call(hdfs)


def test_an_answer_that_is_not_webhdfs_is_an_unreachable_server(hdfs, name_node):
    name_node.answer("LISTSTATUS", (200, {"hello": "world"}))
    with pytest.raises(ServerUnreachable):
        hdfs.listing("/x")


def test_a_data_node_that_hangs_up_is_tried_again(hdfs, name_node):
    name_node.answer("OPEN", (0, None), (0, None), (200, b"there"))
    assert hdfs.read_text("/x") == "there"


def test_a_server_that_says_no_is_not_asked_again(hdfs, name_node):
    name_node.answer("OPEN", SAFE_MODE)
    with pytest.raises(ServerUnreachable):
        hdfs.read_text("/x")
    assert name_node.asked == ["OPEN /x"]


def test_a_file_that_is_cut_off_while_it_is_read_is_tried_again_and_then_given_up(hdfs, monkeypatch):
    reads = []

    def half(handler: _Handler) -> None:
        reads.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    monkeypatch.setattr(_Handler, "do_GET", half)
    with pytest.raises(ServerUnreachable, match="/x"):
        hdfs.read_text("/x")
    assert len(reads) == 3


def test_a_server_that_does_not_answer_is_given_up(name_node, monkeypatch):
    asleep = threading.Event()
    monkeypatch.setattr("soh.hdfs._READ_TIMEOUT", timedelta(milliseconds=200))
    monkeypatch.setattr(_Handler, "do_GET", lambda _: asleep.wait(30))
    try:
        with pytest.raises(ServerUnreachable, match="/x"):
            Hdfs(name_node.url, "soh").listing("/x")
    finally:
        asleep.set()
