"""Prompted models over HTTP: a server on loopback that speaks both protocols."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation import prompted
from ledgerline.evaluation.evaluate import play_all, weigh
from ledgerline.evaluation.judging import Player
from ledgerline.evaluation.playing import script_player
from ledgerline.evaluation.prompted import PromptedSettings, is_available, prompted_player
from ledgerline.evaluation.report import report
from ledgerline.evaluation.slices import Slicer
from ledgerline.examples.example import Example
from ledgerline.examples.synthesize import Corpus
from ledgerline.filings.search import Search
from ledgerline.rewards import degenerate
from tests.evaluation.world import EVALUATE, LIMITS, RUBRIC


class Model(BaseHTTPRequestHandler):
    """Looks up a fixed figure, then answers with what the reply shows."""

    asked: list[dict[str, Any]]
    search: dict[str, str]
    broken = False
    failures = 0
    reply: Any = None

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append({"path": self.path, "body": body, "headers": dict(self.headers)})
        if self.broken:
            self.send_error(503)
            return
        if self.failures:
            type(self).failures -= 1
            self.send_error(429)
            return
        last = body["messages"][-1]["content"]
        if "<tool_response>" in last:
            figure = last.split("\n")[1].split(" | ")[0]
            name, arguments = "return_answer", {"answer": figure}
        else:
            name, arguments = "search", self.search
        anthropic = "messages" in self.path
        content = _anthropic(name, arguments) if anthropic else _openai(name, arguments)
        data = json.dumps(content if self.reply is None else self.reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _openai(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20},
    }


def _anthropic(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "tool_use", "id": "t", "name": name, "input": arguments}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


@pytest.fixture(scope="module")
def asked(world: tuple[Search, Corpus]) -> tuple[Search, Example]:
    search, corpus = world
    due = [example for example in corpus.test if len(example.calls) == 1 and example.is_due]
    return search, due[0]


@pytest.fixture
def url(asked: tuple[Search, Example]) -> Iterator[str]:
    call = asked[1].calls[0]
    Model.asked = []
    Model.broken = False
    Model.failures = 0
    Model.reply = None
    Model.search = {"company": call.company, "metric": call.metric, "period": call.period}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def settings(api: str, url: str, **changed: Any) -> PromptedSettings:
    fields = {
        "name": "small",
        "api": api,
        "model": "m",
        "url": url,
        "prompt": "",
        "key": "LEDGERLINE_TEST_KEY",
        "dollars_in": 1.0,
        "dollars_out": 5.0,
        "examples": 10,
    }
    return PromptedSettings.model_validate(fields | changed)


def player_of(chosen: PromptedSettings, asked: tuple[Search, Example], cache: Path) -> Player:
    return prompted_player(
        chosen, lambda: FilingsEnvironment(asked[0]), episode_fields, LIMITS, cache
    )


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_prompted_model_plays_by_the_same_rules_and_is_asked_once(
    api: str,
    url: str,
    asked: tuple[Search, Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGERLINE_TEST_KEY", "secret")
    (tmp_path / "prompt.txt").write_text("Be careful.")
    example = asked[1]
    chosen = settings(api, url, prompt=str(tmp_path / "prompt.txt"))
    player = player_of(chosen, asked, tmp_path / "cache")
    (first,) = player([example])
    assert first.transcript.answer == example.completion
    assert [turn.tool for turn in first.transcript.turns] == ["search", "return_answer"]
    assert first.cost == pytest.approx(2 * (100 * 1.0 + 20 * 5.0) / 1e6)
    assert len(Model.asked) == 2
    sent = json.dumps(Model.asked[0]["body"])
    assert "Be careful." in sent
    assert "return_answer" in sent
    (again,) = player([example])
    assert len(Model.asked) == 2, "the second time comes from the cache"
    assert again == first


def test_it_is_asked_no_more_than_its_settings_say(
    url: str, world: tuple[Search, Corpus], tmp_path: Path
) -> None:
    search, corpus = world
    chosen = settings("openai", url, key="", examples=3)
    evaluation = EVALUATE.model_copy(update={"prompted": (chosen,), "suite": 2})

    def make() -> FilingsEnvironment:
        return FilingsEnvironment(search)

    players = {
        "base": script_player(degenerate.honest, make, episode_fields, LIMITS, 0.0),
        "trained": script_player(degenerate.always_silent, make, episode_fields, LIMITS, 0.0),
        chosen.name: prompted_player(chosen, make, episode_fields, LIMITS, tmp_path),
    }
    records = play_all(
        players,
        corpus.validation,
        corpus.test,
        RUBRIC,
        Slicer(search, evaluation.harder_kinds),
        evaluation,
    )
    asked = Counter((row.policy, row.split) for row in records)
    assert asked["small", "test"] == asked["small", "validation"] == 3
    assert asked["base", "test"] == evaluation.test
    evidence = weigh(records, evaluation, 0.1, 0.9)
    assert evidence.measures["small"]["all"].examples == 3
    assert evidence.comparisons["small"]["all"].pairs == 3
    assert "<svg" in report(evidence, evaluation, 0.1, [], {})


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_request_that_fails_for_a_while_is_made_again(
    api: str,
    url: str,
    asked: tuple[Search, Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGERLINE_TEST_KEY", "secret")
    monkeypatch.setattr(prompted, "_WAIT", 0.01)
    Model.failures = 3
    example = asked[1]
    player = player_of(settings(api, url), asked, tmp_path)
    (played,) = player([example])
    assert played.transcript.answer == example.completion


@pytest.mark.parametrize(
    ("api", "reply"),
    [
        ("openai", []),
        ("openai", {"choices": []}),
        ("openai", {"choices": [{"message": None}]}),
        ("openai", {"choices": [{"message": {"tool_calls": [{"function": None}]}}]}),
        ("openai", {"choices": [{"message": {"content": ["a"]}}], "usage": [1]}),
        ("openai", {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": None}}),
        ("anthropic", {"content": None}),
        ("anthropic", {"content": []}),
    ],
)
def test_a_reply_that_cannot_be_read_is_named(
    api: str,
    reply: Any,
    url: str,
    asked: tuple[Search, Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGERLINE_TEST_KEY", "secret")
    Model.reply = reply
    example = asked[1]
    player = player_of(settings(api, url), asked, tmp_path)
    with pytest.raises(LedgerlineError, match=r"small.*sent a reply that can't be read"):
        player([example])


def test_a_server_that_fails_is_named(
    url: str, asked: tuple[Search, Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompted, "_WAIT", 0.01)
    Model.broken = True
    example = asked[1]
    player = player_of(settings("openai", url, key=""), asked, tmp_path)
    with pytest.raises(LedgerlineError, match=r"small at http.*503"):
        player([example])


def test_without_a_key_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGERLINE_TEST_KEY", raising=False)
    assert not is_available(settings("openai", "http://127.0.0.1:1"))
    assert is_available(settings("openai", "http://127.0.0.1:1", key=""))
    monkeypatch.setenv("LEDGERLINE_TEST_KEY", "secret")
    assert is_available(settings("openai", "http://127.0.0.1:1"))
