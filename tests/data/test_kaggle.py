"""The real kagglehub client against a stand-in for Kaggle on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from kagglesdk import kaggle_env

from alzbench.data.folder import list_folder
from alzbench.data.kaggle import download, find_cached
from alzbench.data.manifest import ImageSets, locate
from alzbench.errors import DataError
from alzbench.experiment import DataSettings, Experiment, load_experiment
from alzbench.progress import Progress
from alzbench.runner import Context, run_all, settings_hash
from alzbench.store import RunStore
from tests.helpers.images import CLASSES
from tests.helpers.stub_network import Stub

pytestmark = pytest.mark.slow

HANDLE = "someone/some-set/versions/3"
IMAGES = 4 * 13


class Kaggle(ThreadingHTTPServer):
    """A server that redirects calls of the API to the archive, as Kaggle does, and serves the archive in ranges.

    Attributes:
        status: Status of the response to a call of the API, if it is 400 or more, instead of the redirect.
        body: The archive.
        sent: Number of its bytes that are sent before the connection is closed.
        checksum: Its MD5, in base64; '' for none.
        version: The newest version of every data set.
        requests: The requests so far: method, path, and the requested range, if any.
        tokens: The credentials of each call of the API.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.version = 7
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.serve(body)

    def serve(self, body: bytes) -> None:
        self.body, self.sent = body, len(body)
        self.checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


class Handler(BaseHTTPRequestHandler):
    server: Kaggle

    def do_POST(self) -> None:
        self.server.requests.append(f"POST {self.path}")
        self.server.tokens.append(self.headers.get("Authorization"))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        refused = self.server.status >= 400
        asked = "GetDataset" in self.path.rsplit("/", 1)[-1] and "Download" not in self.path
        body = json.dumps({"currentVersionNumber": self.server.version}).encode() if asked else b"{}"
        self.send_response(self.server.status if refused else 200 if asked else 302)
        self.send_header("Content-Type", "application/json")
        if not asked:
            self.send_header("Location", "/archive.zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(f"GET {self.path}" + (f" {wanted}" if wanted else ""))
        start = int(re.sub(r"\D", "", wanted)) if wanted else 0
        self.send_response(206 if wanted else 200)
        if self.server.checksum:
            self.send_header("x-goog-hash", f"md5={self.server.checksum}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(self.server.body) - start))
        self.end_headers()
        self.wfile.write(self.server.body[start : self.server.sent])

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
    """Give kagglehub an empty cache and no credentials."""
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_ENVIRONMENT", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def send_kagglehub_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # its own test environment prints every response, and so reads it completely before the code under test
    endpoints = kaggle_env._env_to_endpoint
    assert kaggle_env.KaggleEnv.PROD in endpoints
    monkeypatch.setitem(endpoints, kaggle_env.KaggleEnv.PROD, f"http://127.0.0.1:{port}")


@pytest.fixture
def kaggle(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    with Kaggle(archive) as server:
        send_kagglehub_to(server.server_port, monkeypatch)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_set_is_downloaded_once_and_then_needs_no_request(kaggle: Kaggle) -> None:
    folder = download(HANDLE)
    assert len(list_folder(folder.folder, CLASSES).files) == IMAGES
    assert kaggle.requests == ["POST /v1/datasets.DatasetApiService/DownloadDataset", "GET /archive.zip"]
    assert download(HANDLE) == folder
    assert len(kaggle.requests) == 2


def test_a_handle_without_a_version_gets_the_newest_one(kaggle: Kaggle) -> None:
    downloaded = download("someone/some-set")
    assert downloaded.handle == "someone/some-set/versions/7"
    assert downloaded.folder.name == "7"
    assert len(list_folder(downloaded.folder, CLASSES).files) == IMAGES
    assert [request.rsplit("/", 1)[-1] for request in kaggle.requests] == [
        "GetDataset", "DownloadDataset", "archive.zip",
    ]  # fmt: skip
    kaggle.version = 8
    kaggle.status = 500
    assert download("someone/some-set") == downloaded  # in the cache, so that Kaggle is not asked for a newer one
    assert len(kaggle.requests) == 3


def test_the_newest_version_in_the_cache_is_used(kaggle: Kaggle) -> None:
    for version in (9, 10, 2):
        download(f"someone/some-set/versions/{version}")
    asked = len(kaggle.requests)
    assert download("someone/some-set").handle == "someone/some-set/versions/10"
    assert len(kaggle.requests) == asked


def test_a_damaged_download_without_a_version_is_deleted(kaggle: Kaggle, archive: bytes) -> None:
    kaggle.serve(b"<html>".ljust(len(archive), b" "))
    with pytest.raises(DataError, match=r"someone/some-set .*run the same command again"):
        download("someone/some-set")
    kaggle.serve(archive)
    assert download("someone/some-set").handle == "someone/some-set/versions/7"


def test_a_run_stores_the_version_that_was_found(
    kaggle: Kaggle, tiny: Callable[..., Experiment], store: RunStore, stub: type[Stub]
) -> None:
    del stub
    said: list[str] = []
    progress = Progress()
    progress.say = said.append  # type: ignore[method-assign]
    experiment = tiny(data={"source": "kaggle", "kaggle": "someone/some-set"})
    (outcome,) = run_all([experiment], Context(ImageSets(progress), store, progress), sanity=False)
    stored = load_experiment(outcome.run().path / "experiment.yaml")
    assert stored.data.kaggle == "someone/some-set/versions/7"
    assert "data: someone/some-set/versions/7 from kagglehub" in said
    assert settings_hash(stored) == settings_hash(experiment) == outcome.run().card.settings_hash
    assert len(kaggle.requests) == 3


def test_a_set_in_the_cache_needs_no_network(kaggle: Kaggle) -> None:
    folder = download(HANDLE)
    kaggle.status = 500
    assert download(HANDLE) == folder


def test_a_cached_set_is_located_without_a_request(kaggle: Kaggle) -> None:
    assert find_cached(HANDLE) is None
    assert kaggle.requests == []
    assert find_cached("no handle") is None
    assert find_cached(HANDLE) != download(HANDLE) == find_cached(HANDLE)


def test_the_source_kaggle_downloads_the_handle_of_the_experiment(kaggle: Kaggle) -> None:
    settings = DataSettings(source="kaggle", kaggle=HANDLE)
    assert locate(settings, Progress()) == download(HANDLE)
    assert len(kaggle.requests) == 2


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "did not accept your credentials: renew"),
        (403, "accept its terms"),
        (404, "check data.kaggle"),
        (429, "wait a few minutes"),
        (500, "Try again later"),
        (503, "Try again later"),
    ],
)
def test_a_refused_download_advises_the_user(kaggle: Kaggle, status: int, advice: str, tmp_path: Path) -> None:
    kaggle.status = status
    with pytest.raises(
        DataError, match=rf"{HANDLE} could not be downloaded \(HTTP {status}\)\. .*{advice}.*--demo"
    ) as caught:
        download(HANDLE)
    assert "\n" not in str(caught.value)
    # one request: the user decides to try again
    assert len(kaggle.requests) == 1
    assert not list(tmp_path.glob("kagglehub/**/*.complete"))


def test_stored_credentials_are_sent(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "stale")
    kaggle.status = 401
    with pytest.raises(DataError, match=r"renew ~/\.kaggle/access_token or KAGGLE_API_TOKEN, or remove them"):
        download(HANDLE)
    assert kaggle.tokens == ["Bearer stale"]


def test_public_data_needs_no_credentials(kaggle: Kaggle) -> None:
    download(HANDLE)
    assert kaggle.tokens == [None]


def test_a_damaged_download_is_deleted(kaggle: Kaggle, tmp_path: Path) -> None:
    right, kaggle.checksum = kaggle.checksum, base64.b64encode(bytes(16)).decode()
    with pytest.raises(DataError, match=r"download of .* was damaged and is deleted; run the same command again"):
        download(HANDLE)
    assert not [path for path in tmp_path.glob("kagglehub/**/*") if path.is_file()]
    kaggle.checksum = right
    assert len(list_folder(download(HANDLE).folder, CLASSES).files) == IMAGES


def test_an_interrupted_download_is_resumed_by_the_same_command(kaggle: Kaggle, archive: bytes) -> None:
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as file:  # kagglehub writes a mebibyte at a time
        file.writestr("notes.txt", bytes(2 * 2**20))
    kaggle.serve(buffer.getvalue())
    kaggle.sent = 2**20 + 1000
    with pytest.raises(DataError, match=r"Kaggle cannot be reached to download .*; check the network"):
        download(HANDLE)
    kaggle.sent = len(kaggle.body)
    assert len(list_folder(download(HANDLE).folder, CLASSES).files) == IMAGES
    assert kaggle.requests[-1] == f"GET /archive.zip bytes={2**20}-"


def with_a_damaged_member(archive: bytes) -> bytes:
    """Change bytes in the first file of an archive, but not in its directory."""
    start = archive.index(b"\xff\xd8")
    return archive[: start + 50] + bytes(20) + archive[start + 70 :]


@pytest.mark.parametrize("checked", [True, False], ids=["md5", "no md5"])
@pytest.mark.parametrize("kind", ["page", "damaged zip"])
def test_an_archive_that_cannot_be_unpacked_is_deleted(
    kaggle: Kaggle, archive: bytes, kind: str, checked: bool
) -> None:
    # as large as the archive, because kagglehub would take a file of that size for the complete archive
    kaggle.serve(b"<html>".ljust(len(archive), b" ") if kind == "page" else with_a_damaged_member(archive))
    kaggle.checksum = kaggle.checksum if checked else ""
    with pytest.raises(DataError, match=f"{HANDLE} .*run the same command again.*--data DIR"):
        download(HANDLE)
    kaggle.serve(archive)
    assert len(list_folder(download(HANDLE).folder, CLASSES).files) == IMAGES


def test_an_unreachable_server_is_reported_with_the_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    with Kaggle(b"") as closed:  # a port without a listener once the server is closed
        port = closed.server_port
    send_kagglehub_to(port, monkeypatch)
    with pytest.raises(DataError, match=r"Kaggle cannot be reached.*--data DIR.*--demo needs no data") as caught:
        download(HANDLE)
    assert "\n" not in str(caught.value)


def test_unreadable_credentials_are_reported(kaggle: Kaggle, tmp_path: Path) -> None:
    file = tmp_path / "no-credentials" / "kaggle.json"
    file.parent.mkdir()
    file.write_text("{")
    with pytest.raises(DataError, match=r"Invalid Kaggle credentials file at .*kaggle\.json"):
        download(HANDLE)
    assert not kaggle.requests


@pytest.mark.parametrize("handle", ["owner/set/1", "set", "owner/set/versions/x", "../set/versions/1/.."])
def test_a_handle_has_two_or_four_parts(handle: str) -> None:
    with pytest.raises(DataError, match=f"owner/name or owner/name/versions/N, got '{re.escape(handle)}'"):
        download(handle)


def test_quiet_prints_nothing(kaggle: Kaggle) -> None:
    # kagglehub reads its verbosity when it is imported
    code = f"""
from kagglesdk import kaggle_env
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = "http://127.0.0.1:{kaggle.server_port}"
from alzbench.data.kaggle import download
download({HANDLE!r}, quiet=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(kaggle.requests) == 2
