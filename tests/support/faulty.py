"""
A web server that answers in the real formats and misbehaves on request.

Run by its path in a process of its own (GDAL holds Python's lock while it reads)::

    python tests/support/faulty.py FOLDER

It prints its port. A request for ``/host/path`` is answered with ``FOLDER/host/path``, so that a
catalogue whose addresses were turned from ``https://host/path`` into
``http://127.0.0.1:PORT/host/path`` works unchanged. ``POST /_fault`` with JSON
``{"path": part of the address, "fault": name, "times": n}`` makes the next n answers wrong;
``POST /_reset`` clears faults and log; ``GET /_log`` gives the requests seen. Where there is a file
``interpreter-data`` (and no ``interpreter``), queries of Overpass are applied to it.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

LOCK = threading.Lock()
STATE: dict = {"faults": [], "log": [], "count": 0}
IN_THE_BODY = {"cut", "no_length", "slow", "pause"}  # an answer to HEAD has none to spend them on


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path

    def log_message(self, *args: object) -> None:
        pass

    # -- what is asked ---------------------------------------------------------------------

    def do_GET(self) -> None:
        if self.path == "/_log":
            self._reply(200, json.dumps(STATE["log"]).encode(), {})
        else:
            self._serve(body=b"")

    def do_HEAD(self) -> None:
        self._serve(body=b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with LOCK:
            if self.path == "/_fault":
                STATE["faults"].append({"times": 1, "method": "", **json.loads(body)})
            elif self.path == "/_reset":
                STATE["faults"].clear()
                STATE["log"].clear()
        if self.path.startswith("/_"):
            self._reply(200, b"{}", {})
        else:
            self._serve(body=body)

    def _fault(self) -> dict | None:
        with LOCK:
            STATE["count"] += 1
            for fault in STATE["faults"]:
                method = fault["method"]
                if (
                    fault["path"] in self.path
                    and fault["times"] > 0
                    and method in {"", self.command}
                    and not (self.command == "HEAD" and fault["fault"] in IN_THE_BODY)
                ):
                    fault["times"] -= 1
                    return fault
        return None

    def _find(self, body: bytes) -> Path | None:
        parts = urlsplit(self.path)
        path = self.root / parts.path.strip("/")
        if parts.path.endswith("/search"):  # Nominatim: one file a query
            query = parse_qs(parts.query).get("q", [""])[0].lower()
            path = path.with_name("search-" + re.sub(r"[^a-z0-9]+", "-", query) + ".json")
            return path if path.is_file() else path.with_name("search-nothing.json")
        if path.is_dir():
            path /= "index"
        if path.name == "interpreter" and not path.exists():
            path = path.with_name("interpreter-data")
        if not path.resolve().is_relative_to(self.root.resolve()) or not path.is_file():
            return None
        return path

    # -- what is answered ------------------------------------------------------------------

    def _serve(self, *, body: bytes) -> None:
        with LOCK:
            STATE["log"].append(
                {
                    "method": self.command,
                    "path": self.path,
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "body": body.decode("utf-8", "replace")[:100000],
                    "time": time.time(),
                }
            )
        fault = self._fault()
        path = self._find(body)
        if fault is not None and getattr(self, "_" + fault["fault"])(fault, path):
            return
        if path is None:
            self._reply(404, b"<html>not here</html>", {})
            return
        data = path.read_bytes()
        if path.name == "interpreter-data":
            from overpassjson import filtered

            data = json.dumps(filtered(json.loads(data), body.decode())).encode()
        etag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
        if fault is not None and fault["fault"] == "changing_etag":
            etag = f'"changed-{STATE["count"]}"'
        self._send(data, etag, fault)

    def _send(self, data: bytes, etag: str, fault: dict | None) -> None:
        headers = {"ETag": etag, "Accept-Ranges": "bytes"}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        status, part = 200, data
        if match and self.headers.get("If-Range", etag) == etag:
            start, end = int(match[1]), int(match[2] or len(data) - 1)
            if start >= len(data):
                self._reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            part = data[start : end + 1]
            status = 206
            headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        elif match and fault is not None and fault["fault"] == "changing_etag":
            part = data[int(match[1]) :]
            status = 206
            headers["Content-Range"] = f"bytes {match[1]}-{len(data) - 1}/{len(data)}"
        self._reply(status, part, headers, fault=fault)

    def _reply(
        self, status: int, data: bytes, headers: dict[str, str], *, fault: dict | None = None
    ) -> None:
        name = fault["fault"] if fault else ""
        self.send_response(status)
        length = len(data)
        if name == "wrong_length":
            length += 1000
        if name != "no_length":
            headers = {"Content-Length": str(length), **headers}
        for key, value in headers.items():
            self.send_header(key, value)
        if name in {"cut", "no_length", "wrong_length", "slow", "reset", "changing_etag"}:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        if name in {"cut", "no_length"} or (fault is not None and "share" in fault):
            data = data[: max(1, int(len(data) * fault.get("share", 0.5)))] if fault else data
        if name == "slow":
            for i in range(len(data)):
                self.wfile.write(data[i : i + 1])
                self.wfile.flush()
                time.sleep(fault["seconds"] if fault else 0)
            return
        if name == "pause":
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            time.sleep(fault["seconds"] if fault else 0)
            data = data[len(data) // 2 :]
        self.wfile.write(data)

    # -- faults that answer themselves: True when done ----------------------------------------

    def _cut(self, fault: dict, path: Path | None) -> bool:
        return False

    _no_length = _wrong_length = _slow = _pause = _changing_etag = _cut

    def _status(self, fault: dict, path: Path | None) -> bool:
        headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
        self._reply(fault["status"], b"<html><body>busy</body></html>", headers)
        return True

    def _html(self, fault: dict, path: Path | None) -> bool:
        page = b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>later</body></html>"
        self._reply(200, page, {"Content-Type": "text/html"})
        return True

    def _remark(self, fault: dict, path: Path | None) -> bool:
        answer = json.loads(path.read_bytes()) if path else {"elements": []}
        answer["elements"] = answer["elements"][: len(answer["elements"]) // 2]
        answer["remark"] = 'runtime error: Query timed out in "query" at line 1 after 26 seconds.'
        self._reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        return True

    def _loop(self, fault: dict, path: Path | None) -> bool:
        self._reply(302, b"", {"Location": self.path})
        return True

    def _redirect(self, fault: dict, path: Path | None) -> bool:
        self._reply(302, b"", {"Location": fault["to"]})
        return True

    def _reset(self, fault: dict, path: Path | None) -> bool:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 100)
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()
        self.close_connection = True
        return True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that go away are part of the game


def main() -> None:
    Handler.root = Path(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
