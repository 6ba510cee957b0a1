"""A stand-in for the W&B server on 127.0.0.1: the part of its GraphQL and file stream that the real client needs.

It stores the client's data as W&B does (history by line, summary, config, files, views), and it can be made to fail.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
ENTITY = "someone"


@dataclass
class StoredRun:
    """A run on the server."""

    name: str
    project: str
    group: str = ""
    title: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    state: str = "running"

    @property
    def history(self) -> list[dict[str, Any]]:
        """Rows, one from each line."""
        return [json.loads(line) for line in self.lines]

    @property
    def values(self) -> dict[str, Any]:
        """The config without the client's own part."""
        return {key: entry["value"] for key, entry in self.config.items() if key != "_wandb"}


class StandIn:
    """The server; use it as a context manager.

    Attributes:
        runs: Runs by id.
        artifacts: Names of the committed artifacts.
        views: Saved workspaces and reports, by id.
        fails: Called with a request's path and body; returns an HTTP status to fail with, or None. -1 cuts the
            connection, and a status of 0 is a wait of ten minutes.
        requests: Paths, or names of GraphQL operations, in order.
        keys: API keys of the requests.
        shows_no_rows: True to report that no run has any rows.
    """

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.artifacts: dict[str, Json] = {}
        self.views: dict[str, Json] = {}
        self.requests: list[str] = []
        self.keys: set[str] = set()
        self.fails: Callable[[str, bytes], int | None] = lambda _path, _body: None
        self.shows_no_rows = False
        self.lock = threading.RLock()
        self.stopped = threading.Event()
        self._ids = itertools.count(1)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"standin": self}))
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Shut down: further connections are refused."""
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()

    def graphql(self, operation: str, variables: Json) -> Json:
        """Respond to one GraphQL operation."""
        with self.lock:
            respond = getattr(self, f"_{operation}", None)
            if respond is None:
                raise KeyError(operation)
            response: Json = respond(variables)
            return response

    def stream(self, name: str, body: Json) -> None:
        """Store a part of a run's file stream."""
        with self.lock:
            run = self.runs[name]
            for file, piece in (body.get("files") or {}).items():
                if file == "wandb-history.jsonl":
                    run.lines[piece["offset"] :] = piece["content"]
                elif file == "wandb-summary.json":
                    run.summary = json.loads(piece["content"][-1])
            if body.get("complete"):
                run.state = "finished" if not body.get("exitcode") else "failed"

    # GraphQL operations by their names

    def _Viewer(self, _: Json) -> Json:
        viewer = {"id": "1", "entity": ENTITY, "username": ENTITY, "name": ENTITY, "email": "", "admin": False,
                  "flags": "{}", "deletedAt": None, "apiKeys": {"edges": []}, "teams": {"edges": []}}  # fmt: skip
        return {"viewer": viewer}

    def _GetDefaultEntity(self, _: Json) -> Json:
        return {"viewer": {"id": "1", "entity": ENTITY}}

    def _RunResumeStatus(self, variables: Json) -> Json:
        run = self.runs.get(variables["name"])
        return {"model": {"id": "p", "name": variables["project"], "entity": {"id": "e", "name": ENTITY},
                          "bucket": run and self._bucket(run)}}  # fmt: skip

    def _bucket(self, run: StoredRun) -> Json:
        return {
            "id": run.name, "name": run.name, "displayName": run.title, "description": None, "sweepName": None,
            "summaryMetrics": json.dumps(run.summary), "config": json.dumps(run.config), "tags": run.tags, "notes": "",
            "historyLineCount": 0 if self.shows_no_rows else len(run.lines), "logLineCount": 0, "eventsLineCount": 0,
            "historyTail": json.dumps(run.lines[-1:]), "eventsTail": "[]", "wandbConfig": json.dumps({"t": 1}),
            "project": {"id": "p", "name": run.project, "entity": {"id": "e", "name": ENTITY}},
        }  # fmt: skip

    def _Run(self, variables: Json) -> Json:
        run = self.runs.get(variables["name"])
        if run is None:
            return {"project": {"run": None}}
        more = {"projectId": "1", "state": run.state, "group": run.group, "jobType": run.job_type, "commit": None,
                "readOnly": False, "createdAt": "2026-01-01T00:00:00", "heartbeatAt": "2026-01-01T00:00:00",
                "systemMetrics": "{}", "user": {"name": ENTITY, "username": ENTITY},
                "historyKeys": {"lastStep": -1}}  # fmt: skip
        return {"project": {"run": {**self._bucket(run), **more}}}

    def _UpsertBucket(self, variables: Json) -> Json:
        inserted = variables["name"] not in self.runs
        run = self.runs.setdefault(variables["name"], StoredRun(variables["name"], variables["project"]))
        run.state = "running"
        run.group = variables.get("groupName") or run.group
        run.title = variables.get("displayName") or run.title
        run.job_type = variables.get("jobType") or run.job_type
        run.tags = variables.get("tags") or run.tags
        if variables.get("config"):
            run.config = {**run.config, **json.loads(variables["config"])}
        return {"upsertBucket": {"bucket": self._bucket(run), "inserted": inserted}}

    def _CreateRunFiles(self, variables: Json) -> Json:
        files = [{"name": f, "uploadUrl": f"{self.url}/upload/{variables['run']}/{f}"} for f in variables["files"]]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def _ArtifactType(self, _: Json) -> Json:
        return {"project": {"artifact": None}}

    def _ServerFeaturesQuery(self, _: Json) -> Json:
        return {"serverInfo": {"features": []}}

    def _CreateArtifact(self, variables: Json) -> Json:
        asked = variables["input"]
        made = {"id": f"artifact-{next(self._ids)}", "name": asked["artifactCollectionName"],
                "type": asked["artifactTypeName"], "run": asked["runName"], "files": [],
                "state": "PENDING"}  # fmt: skip
        self.artifacts[made["id"]] = made
        return {"createArtifact": {"artifact": {"id": made["id"], "state": "PENDING",
                                                "artifactSequence": {"latestArtifact": None}}}}  # fmt: skip

    def _CreateArtifactManifest(self, _: Json) -> Json:
        file = {"id": "f", "name": "m", "displayName": "m", "uploadUrl": f"{self.url}/upload/manifest/m",
                "uploadHeaders": []}  # fmt: skip
        return {"createArtifactManifest": {"artifactManifest": {"id": f"manifest-{next(self._ids)}", "file": file}}}

    def _CreateArtifactFiles(self, variables: Json) -> Json:
        edges = []
        for asked in variables["input"]["artifactFiles"]:
            self.artifacts[asked["artifactID"]]["files"].append(asked["name"])
            url = f"{self.url}/upload/{asked['artifactID']}/{asked['name']}"
            edges.append({"node": {"storagePath": asked["name"], "uploadUrl": url, "uploadHeaders": [],
                                   "uploadMultipartUrls": None, "artifact": {"id": asked["artifactID"]}}})  # fmt: skip
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _GetProjects(self, _: Json) -> Json:
        user = self._Viewer({})["viewer"]
        names = sorted({run.project for run in self.runs.values()})
        edges = [
            {"node": {"__typename": "Project", "id": name, "name": name, "entityName": ENTITY, "isBenchmark": False,
                      "createdAt": "2026-01-01T00:00:00", "user": user}}
            for name in names
        ]  # fmt: skip
        page = {"__typename": "PageInfo", "endCursor": "", "hasNextPage": False}
        return {"models": {"edges": edges, "pageInfo": page}}

    def _ProjectInternalId(self, variables: Json) -> Json:
        return {"project": {"id": "p", "internalId": "UHJvamVjdDox", "name": variables["projectName"]}}

    def _UpsertView2(self, variables: Json) -> Json:
        known = variables.get("id")
        if known and known not in self.views:
            raise KeyError(known)
        name = known or f"view-{next(self._ids)}"
        self.views[name] = dict(variables)
        project = {"id": "p", "name": variables["projectName"], "entityName": variables["entityName"]}
        view = {"id": name, "name": variables["name"], "type": variables["type"], "spec": variables["spec"],
                "displayName": variables["displayName"], "description": variables["description"],
                "project": project, "updatedAt": None}  # fmt: skip
        return {"upsertView": {"view": view, "inserted": not known}}

    _upsertView = _UpsertView2

    def _CommitArtifact(self, variables: Json) -> Json:
        name = variables["artifactID"]
        self.artifacts[name]["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": name, "digest": "d"}}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def do_PUT(self) -> None:
        body = self._body()
        if self._failed(body):
            return
        _, _, name, file = urlsplit(self.path).path.split("/", 3)
        if name in self.standin.runs:
            self.standin.runs[name].files[file] = body
        self._respond(200, {})

    def do_GET(self) -> None:
        if not self._failed(b""):
            self._respond(404, {})

    def do_POST(self) -> None:
        body = self._body()
        if self._failed(body):
            return
        parts = urlsplit(self.path).path.strip("/").split("/")
        if parts == ["graphql"]:
            self._graphql(json.loads(body))
        elif parts[-1] == "file_stream":
            self.standin.stream(parts[-2], json.loads(body))
            self._respond(200, {})
        else:
            self._respond(200, {})

    def _graphql(self, asked: Json) -> None:
        name = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
        operation = name.group(1) if name else "?"
        variables = asked.get("variables") or {}
        try:
            data = self.standin.graphql(operation, variables)
        except KeyError:
            import sys

            print("UNKNOWN", operation, variables, re.sub(r"\s+", " ", asked["query"]), file=sys.stderr, flush=True)
            data = {}
        self._respond(200, {"data": data})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _failed(self, body: bytes) -> bool:
        standin = self.standin
        with standin.lock:
            operation = re.search(rb"(?:query|mutation)\s+(\w+)", body) if self.path == "/graphql" else None
            standin.requests.append(operation.group(1).decode() if operation else self.path)
            scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
            if scheme == "Basic":
                standin.keys.add(base64.b64decode(encoded).decode().partition(":")[2])
            status = standin.fails(self.path, body)
        if status is None and not standin.stopped.is_set():
            return False
        if status == 0:
            standin.stopped.wait(600)
        if status in (0, -1, None):
            self.close_connection = True
            self.connection.close()
            return True
        self._respond(status, {"errors": [{"message": "made to fail"}]})
        return True

    def _respond(self, status: int, content: Json) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
