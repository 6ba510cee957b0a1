"""The real client of the Hugging Face Hub against a stand-in on 127.0.0.1."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alzbench.data.hub import _Columns
from alzbench.errors import DataError

pa = pytest.importorskip("pyarrow", reason="the extra hub is not installed")
parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("huggingface_hub")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = ["Mild_Demented", "Moderate_Demented", "Non_Demented", "Very_Mild_Demented"]

pytestmark = pytest.mark.slow


class Hub(ThreadingHTTPServer):
    """A server of one data set; `files` are its files by path, `status` of its answer about the set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.status = 200
        self.requests: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if path.startswith("/api/datasets/someone/scans/revision/"):
            siblings = [{"rfilename": name} for name in self.server.files]
            about = {"_id": "1", "id": "someone/scans", "sha": COMMIT, "siblings": siblings, "private": False,
                     "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": []}  # fmt: skip
            self._send(self.server.status, json.dumps(about).encode(), body, {"Content-Type": "application/json"})
            return
        if path == f"/api/datasets/someone/scans/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in self.server.files.items()
            ]
            self._send(200, json.dumps(tree).encode(), body, {"Content-Type": "application/json"})
            return
        content = self.server.files.get(path.removeprefix(f"/datasets/someone/scans/resolve/{COMMIT}/"))
        if content is None:
            self._send(404, b"", body, {"X-Error-Code": "RepoNotFound"})
            return
        etag = hashlib.sha256(content).hexdigest()
        self._send(200, content, body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def _send(self, status: int, content: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def encoded(number: int, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (40, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def table(images: list[Any], labels: list[Any], image: str = "image", label: str = "label") -> bytes:
    """Return a parquet file as the hub stores image sets, with the names of the classes in its metadata."""
    features = {image: {"_type": "Image"}, label: {"_type": "ClassLabel", "names": NAMES}}
    columns = {image: pa.array(images), label: pa.array(labels)}
    content = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    parquet.write_table(content, buffer)
    return buffer.getvalue()


def rows(number: int, start: int = 0) -> bytes:
    images = [{"bytes": encoded(start + k, "PNG" if k % 3 else "JPEG"), "path": None} for k in range(number)]
    return table(images, [k % 4 for k in range(number)])


def opened(hub: Hub, source: str, cache: Path) -> Any:
    """Open a set in a process of its own, because the client reads its settings when it is imported."""
    code = f"""
import json, sys
from alzbench.data.hub import open_hub_set
from alzbench.errors import AlzbenchError
from alzbench.progress import Progress
try:
    folder = open_hub_set({source!r}, Progress())
    print(json.dumps([str(folder), sorted(str(p.relative_to(folder)) for p in folder.rglob("*.*"))]))
except AlzbenchError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""
    environment = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(cache / "hf"),
        "ALZBENCH_CACHE": str(cache), "PATH": "", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": ":".join(sys.path),
    }  # fmt: skip
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_set_becomes_a_folder_with_splits_and_classes(hub: Hub, tmp_path: Path) -> None:
    hub.files = {
        "data/train-00000-of-00002-ab.parquet": rows(8), "data/train-00001-of-00002-cd.parquet": rows(4, 100),
        "data/test-00000-of-00001-ef.parquet": rows(4, 200), "README.md": b"# scans",
    }  # fmt: skip
    folder, images = opened(hub, "hf://someone/scans", tmp_path)
    assert len(images) == 16
    assert {Path(name).parent.as_posix() for name in images} == {
        f"{part}/{name}" for part in ("train", "test") for name in NAMES
    }
    first = Path(folder) / "train" / NAMES[0] / "train-00000-of-00002-ab-000000.jpg"
    assert first.read_bytes() == encoded(0)
    assert not any("README" in request for request in hub.requests)


def test_a_commit_in_the_cache_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"data/train-00000-of-00001.parquet": rows(4)}
    first = opened(hub, f"hf://someone/scans@{COMMIT}", tmp_path)
    hub.requests.clear()
    assert opened(hub, f"hf://someone/scans@{COMMIT}", tmp_path) == first
    assert not [request for request in hub.requests if "someone" in request]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b"x"}, "must hold parquet files"),
        ({"train.parquet": b"PAR1 not"}, "damaged parquet file"),
        ({"train.parquet": "numbers"}, "must have a column of images"),
        ({"train.parquet": table([{"bytes": None, "path": "x"}], [0])}, "row 0 holds none"),
        ({"train.parquet": table([{"bytes": b"%!PS", "path": "x"}], [0])}, "must be JPEG, PNG, BMP or TIFF"),
        ({"train.parquet": table([{"bytes": encoded(0), "path": "x"}], [9])}, "label 9 has no name"),
    ],
    ids=["no parquet", "damaged", "no images", "no bytes", "postscript", "label"],
)
def test_what_is_no_image_set_is_refused_and_nothing_is_kept(
    hub: Hub, tmp_path: Path, files: dict[str, Any], message: str
) -> None:
    if files.get("train.parquet") == "numbers":
        buffer = io.BytesIO()
        parquet.write_table(pa.table({"age": [1, 2], "label": [0, 1]}), buffer)
        files = {"train.parquet": buffer.getvalue()}
    hub.files = files
    kind, text = opened(hub, "hf://someone/scans", tmp_path)
    assert kind == "DataError"
    assert message in text
    assert not [path for path in (tmp_path / "hub").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_hostile_class_name_stays_below_the_folder(hub: Hub, tmp_path: Path) -> None:
    image = [{"bytes": encoded(k), "path": None} for k in range(2)]
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"image": pa.array(image), "label": ["../../evil", "a/b"]}), buffer)
    hub.files = {"train.parquet": buffer.getvalue()}
    folder, images = opened(hub, "hf://someone/scans", tmp_path)
    assert {Path(name).parts[:2] for name in images} == {("train", "_.._evil"), ("train", "a_b")}
    assert Path(folder).is_relative_to(tmp_path / "hub")


def test_files_of_one_name_in_several_folders_lose_no_image(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"default/train/0000.parquet": rows(8), "default/test/0000.parquet": rows(4, 100)}
    _, images = opened(hub, "hf://someone/scans", tmp_path)
    assert [sum(name.startswith(part) for name in images) for part in ("train/", "test/")] == [8, 4]


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["a/b", "a_b"], "class names must differ"), (["a", None], "each row must have a label")],
    ids=["alike", "none"],
)
def test_labels_that_are_no_class_are_refused(hub: Hub, tmp_path: Path, labels: list[str | None], message: str) -> None:
    image = [{"bytes": encoded(k), "path": None} for k in range(2)]
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"image": pa.array(image), "label": labels}), buffer)
    hub.files = {"train.parquet": buffer.getvalue()}
    kind, text = opened(hub, "hf://someone/scans", tmp_path)
    assert kind == "DataError"
    assert message in text
    assert not [path for path in (tmp_path / "hub").rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize(
    "about", [b"{not json", b"\xff\xfe", b"null", b"[1]", b'{"info": 3}', b'{"info": {"features": {"label": 3}}}',
              b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": [1, 2]}}}}'],
)  # fmt: skip
def test_a_damaged_description_of_the_columns_is_refused(about: bytes) -> None:
    schema = pa.schema({"image": pa.binary(), "label": pa.int64()}, metadata={"huggingface": about})
    with pytest.raises(DataError, match="hf://a/b has a parquet file whose description of its columns"):
        _Columns(schema, "hf://a/b")


def test_a_description_of_missing_columns_does_not_count() -> None:
    about = {"info": {"features": {"gone": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}}}}
    schema = pa.schema({"image": pa.binary(), "label": pa.int64()}, metadata={"huggingface": json.dumps(about)})
    assert _Columns(schema, "hf://a/b").name_of(2) == (NAMES[2], NAMES[2])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "must not have the name of a part") for name in ("test", "Training", "fold 1", "augmented")),
        *((name, "is not the name of a class") for name in ("__MACOSX", "a" * 300, "..", " ")),
    ],
)
def test_a_class_must_be_a_folder_that_is_read(name: str, message: str) -> None:
    columns = _Columns(pa.schema({"image": pa.binary(), "label": pa.string()}), "hf://a/b")
    with pytest.raises(DataError, match=message):
        columns.name_of(name)


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("hf://scans", "ExperimentError", "must look like hf://owner/name"),
        ("hf://someone/../x", "ExperimentError", "must look like hf://owner/name"),
        ("hf://someone/other", "DataError", "has no public data set someone/other"),
    ],
)
def test_a_wrong_source_is_named(hub: Hub, tmp_path: Path, source: str, kind: str, message: str) -> None:
    found, text = opened(hub, source, tmp_path)
    assert (found, message in text) == (kind, True), text


def test_a_hub_that_is_down_is_a_sentence(hub: Hub, tmp_path: Path) -> None:
    hub.status = 500
    kind, text = opened(hub, "hf://someone/scans", tmp_path)
    assert kind == "DataError"
    assert "cannot be downloaded" in text
