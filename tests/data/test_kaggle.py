"""The real kagglehub client against a stand-in for Kaggle on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from alzbench.data.folder import list_folder
from alzbench.data.kaggle import download
from alzbench.errors import DataError
from tests.conftest import CLASSES

HANDLE = "someone/some-set/versions/3"
PORT = 7777  # where kagglehub looks with KAGGLE_API_ENVIRONMENT=TEST; it takes no other address


class Kaggle(ThreadingHTTPServer):
    """Answers every request with `status` and, for 200, with `body`, of which it sends `sent` bytes."""

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", PORT), Answer)
        self.body, self.status, self.sent = body, 200, len(body)
        self.checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        self.requests: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Kaggle

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(self.server.status)
        body = self.server.body if self.server.status == 200 else b"{}"
        if self.server.status == 200:
            self.send_header("x-goog-hash", f"md5={self.server.checksum}")
        self.send_header("Content-Type", "application/zip" if self.server.status == 200 else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.sent])

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def archive(image_folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path in sorted(image_folder.rglob("*.jpg")):
            file.write(path, path.relative_to(image_folder))
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point kagglehub at the stand-in, at an empty cache, and at no credentials."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kaggle(archive: bytes) -> Iterator[Kaggle]:
    try:
        server = Kaggle(archive)
    except OSError as error:
        pytest.skip(f"port {PORT}, which kagglehub's test environment uses, is taken: {error}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_set_is_downloaded_once(kaggle: Kaggle) -> None:
    folder = download(HANDLE)
    assert len(list_folder(folder, CLASSES)) == 4 * 13
    assert len(kaggle.requests) == 1
    assert download(HANDLE) == folder
    assert len(kaggle.requests) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "credentials"),
        (403, "accept its terms"),
        (404, "check data.kaggle"),
        (429, "wait some minutes"),
        (500, "Try again later"),
    ],
)
def test_a_refusal_says_what_to_do(kaggle: Kaggle, status: int, advice: str, tmp_path: Path) -> None:
    kaggle.status = status
    with pytest.raises(DataError, match=rf"could not be downloaded \(HTTP {status}\).*{advice}.*--demo") as caught:
        download(HANDLE)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("kagglehub/**/*.complete"))


def test_a_damaged_download_is_discarded(kaggle: Kaggle) -> None:
    right, kaggle.checksum = kaggle.checksum, base64.b64encode(bytes(16)).decode()
    with pytest.raises(DataError, match="arrived damaged and was discarded; give the same command again"):
        download(HANDLE)
    kaggle.checksum = right
    assert download(HANDLE).is_dir()


def test_a_connection_that_breaks_off_is_no_set(kaggle: Kaggle) -> None:
    kaggle.sent = len(kaggle.body) // 2
    with pytest.raises(DataError, match=r"give the same command again|check the network"):
        download(HANDLE)
    kaggle.sent = len(kaggle.body)
    assert len(list_folder(download(HANDLE), CLASSES)) == 4 * 13


def test_an_archive_that_is_none(kaggle: Kaggle) -> None:
    kaggle.body = b"<html>a page</html>"
    kaggle.sent = len(kaggle.body)
    kaggle.checksum = base64.b64encode(hashlib.md5(kaggle.body, usedforsecurity=False).digest()).decode()
    with pytest.raises(DataError, match=HANDLE):
        download(HANDLE)


def test_no_server_names_the_ways_out() -> None:
    with pytest.raises(DataError, match=r"Kaggle cannot be reached.*--data DIR.*--demo needs no data"):
        download(HANDLE)


@pytest.mark.parametrize("handle", ["owner/set", "owner/set/1", "set", "owner/set/versions/x"])
def test_a_handle_must_name_a_version(handle: str) -> None:
    with pytest.raises(DataError, match="owner/name/versions/N"):
        download(handle)
