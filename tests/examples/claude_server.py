"""A server on loopback that speaks the Messages and Batches API, with the faults one scripts."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], str]
"""The params of a message → the text that Claude answers with."""


@dataclass
class Claude:
    """What the server does, and what it was asked.

    `statuses` are HTTP statuses for the next calls, in turn (200 to serve). `faults` maps the
    number of a request, counted over all batches, to what happens to it: "overloaded_error",
    "invalid_request_error", "expired", "max_tokens", or any text to answer with instead.
    `cut_after` breaks the stream of the next results after so many bytes. Of batches in `expired`
    the results are no longer had; a batch that the server doesn't know is not found.
    """

    answer: Answer
    statuses: list[int] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    cut_after: int | None = None
    polls_until_done: int = 1
    expired: set[str] = field(default_factory=set)
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    served: int = 0
    calls: int = 0
    url: str = ""


@contextmanager
def running(claude: Claude) -> Iterator[Claude]:
    """Serve `claude` on a free port of loopback; `claude.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self._refused():
                return
            if self.path == "/v1/messages":
                self._send(200, json.dumps(_message(claude.answer(content), "end_turn")))
                return
            name = f"msgbatch_{len(claude.batches)}"
            claude.batches[name] = content["requests"]
            claude.polls[name] = 0
            self._send(200, json.dumps(self._batch(name)))

        def do_GET(self) -> None:
            if self._refused():
                return
            parts = self.path.strip("/").split("/")
            name = parts[3]
            if name not in claude.batches:
                self._refuse(404)
                return
            if parts[-1] != "results":
                claude.polls[name] += 1
                self._send(200, json.dumps(self._batch(name)))
                return
            lines = "".join(json.dumps(_line(claude, each)) + "\n" for each in claude.batches[name])
            body = lines.encode()
            if claude.cut_after is not None:
                body, claude.cut_after = body[: claude.cut_after], None
            self._send(200, body.decode(errors="ignore"), "application/x-jsonl")

        def _refused(self) -> bool:
            claude.calls += 1
            status = claude.statuses.pop(0) if claude.statuses else 200
            if status == 200:
                return False
            self._refuse(status)
            return True

        def _refuse(self, status: int) -> None:
            kind = {
                401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error",
                529: "overloaded_error",
            }  # fmt: skip
            error = {"type": kind.get(status, "api_error"), "message": "as scripted"}
            self._send(status, json.dumps({"type": "error", "error": error}))

        def _batch(self, name: str) -> dict[str, Any]:
            done = claude.polls[name] >= claude.polls_until_done
            count = len(claude.batches[name])
            url = f"{claude.url}/v1/messages/batches/{name}/results"
            return {
                "id": name,
                "type": "message_batch",
                "processing_status": "ended" if done else "in_progress",
                "request_counts": {
                    "processing": 0 if done else count, "succeeded": count if done else 0,
                    "errored": 0, "canceled": 0, "expired": 0,
                },
                "created_at": "2024-01-01T00:00:00Z",
                "expires_at": "2024-01-02T00:00:00Z",
                "results_url": url if done and name not in claude.expired else None,
            }  # fmt: skip

        def _send(self, status: int, body: str, kind: str = "application/json") -> None:
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    claude.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield claude
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _line(claude: Claude, request: dict[str, Any]) -> dict[str, Any]:
    fault = claude.faults.pop(claude.served, None)
    claude.served += 1
    result: dict[str, Any]
    if fault in ("overloaded_error", "invalid_request_error"):
        error = {"type": "error", "error": {"type": fault, "message": "as scripted"}}
        result = {"type": "errored", "error": {**error, "request_id": None}}
    elif fault == "expired":
        result = {"type": "expired"}
    elif fault == "max_tokens":
        text = claude.answer(request["params"])[:25]
        result = {"type": "succeeded", "message": _message(text, "max_tokens")}
    else:
        text = claude.answer(request["params"]) if fault is None else fault
        result = {"type": "succeeded", "message": _message(text, "end_turn")}
    return {"custom_id": request["custom_id"], "result": result}


def _message(text: str, stop_reason: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100,
            "output_tokens": 50,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 400,
        },
    }
