"""The vLLM engine against servers on loopback that speak its interface, and that die."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import aiohttp
import pytest
import torch
from aiohttp import web

from ledgerline.errors import LedgerlineError
from ledgerline.policy.engine import Sampling
from ledgerline.policy.vllm.engine import VllmEngine
from ledgerline.policy.vllm.process import OwnServer
from ledgerline.policy.vllm.settings import VllmSettings
from tests.policy import vllm_server
from tests.policy.conftest import Replies
from tests.policy.vllm_server import END, FakeVllm, complete

SAMPLING = Sampling(temperature=0.7, top_p=0.9)


class Adapted:
    """What a PEFT model is to the engine: something with an adapter that it can save."""

    peft_config = True

    def __init__(self, weight):
        self.weight = weight

    def save_pretrained(self, folder, safe_serialization):
        folder.mkdir(parents=True)
        (folder / "weight.json").write_text(json.dumps(self.weight))


class Running:
    """A server in a thread of its own, which `kill` ends without a word to its clients."""

    def __init__(self, fake=None):
        self.fake = fake or FakeVllm()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.runner = self._wait(self._serve())
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def _serve(self):
        runner = web.AppRunner(self.fake.app(), shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    def _wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def kill(self):
        self._wait(self.runner.cleanup())


def settings(folder, **changes):
    content = {
        "urls": [],
        "command": [sys.executable, vllm_server.__file__],
        "arguments": [],
        "environment": {},
        "adapters": str(folder / "adapters"),
        "start_seconds": 30.0,
        "turn_seconds": 20.0,
        "restarts": 1,
    }
    return VllmSettings.model_validate(content | changes)


@pytest.fixture
def engines(tmp_path):
    made = []

    def make(rows=8, positions=200, **changes):
        engine = VllmEngine(
            "base", 4, END, rows, positions, "float32", settings(tmp_path, **changes)
        )
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


def episodes(number):
    return [
        Replies([4 + index % 3] * (5 + index % 4), [[9, 8]] * (index % 3))
        for index in range(number)
    ]


def expected(episode, weight, positions=200):
    """The episode as `complete` would play it: turns and log-probabilities."""
    played = Replies(list(episode.tokens), episode.replies, episode.budget)
    while not played.over:
        budget = min(played.budget, positions - len(played.tokens))
        played.advance(*complete(played.tokens, budget, weight) if budget > 0 else ([], []))
    return played


def play(engine, number=24, weight=1):
    played = episodes(number)
    engine.play(played, SAMPLING, torch.Generator())
    for episode, fresh in zip(played, episodes(number), strict=True):
        known = expected(fresh, weight)
        assert episode.over
        assert episode.turns == known.turns
        assert episode.logprobs == known.logprobs


def test_turns_and_their_logprobs_belong_to_the_histories_they_follow(engines):
    servers = [Running(), Running()]
    engine = engines(urls=[server.url for server in servers])
    engine.refresh(Adapted(1), step=0)
    play(engine)
    asked = [content for server in servers for content in server.fake.seen]
    assert all(server.fake.seen for server in servers)
    assert {content["temperature"] for content in asked} == {0.7}
    assert {content["top_p"] for content in asked} == {0.9}
    assert {content["repetition_penalty"] for content in asked} == {1.0}


def test_a_later_turn_goes_to_the_server_that_has_the_history_cached(engines):
    servers = [Running(), Running()]
    engine = engines(urls=[server.url for server in servers])
    engine.refresh(Adapted(1))
    # Every history begins with a number of its own, so it can be told where it was continued.
    played = [Replies([4 + index, 5], [[9, 8], [9, 8]]) for index in range(10)]
    engine.play(played, SAMPLING, torch.Generator())
    first, second = ({c["prompt"][0] for c in server.fake.seen} for server in servers)
    assert first | second == set(range(4, 14))
    assert not first & second


def test_no_more_turns_are_in_flight_than_rows(engines):
    server = Running()
    engine = engines(rows=3, urls=[server.url])
    engine.refresh(Adapted(1))
    play(engine)
    assert server.fake.most == 3


def test_each_step_has_its_adapter_and_the_one_before_is_forgotten(engines, tmp_path):
    server = Running()
    engine = engines(urls=[server.url])
    for step in (7, 8):
        engine.refresh(Adapted(step), step)
        assert server.fake.adapters == {f"policy@{step}": step}
        play(engine, weight=step)
    engine.refresh(Adapted(5), step=8)  # rolled back to a step whose name is taken
    play(engine, weight=5)
    salts = [content["cache_salt"] for content in server.fake.seen]
    assert len(set(salts)) == 3
    assert len(list((tmp_path / "adapters").rglob("weight.json"))) == 1


def test_a_server_by_url_that_dies_is_left_out_and_taken_in_again(engines):
    servers = [Running(), Running()]
    engine = engines(urls=[server.url for server in servers])
    engine.refresh(Adapted(1))
    servers[0].kill()
    play(engine)
    assert servers[0].fake.seen == []
    before = len(servers[1].fake.seen)
    engine.refresh(Adapted(2))
    play(engine, weight=2)
    assert len(servers[1].fake.seen) > before


def test_turns_that_a_dying_server_took_with_it_are_sampled_again_elsewhere(engines, tmp_path):
    died, spare = tmp_path / "died", Running()
    command = [sys.executable, vllm_server.__file__, "--die-at", "8", "--died", str(died)]
    dying = OwnServer(command, {}, tmp_path / "dying.log", 30.0)
    asyncio.run(_start(dying))
    try:
        engine = engines(urls=[dying.url, spare.url])
        engine.refresh(Adapted(1))
        play(engine)
    finally:
        dying.close()
    assert died.exists()


def test_when_no_server_by_url_is_left_the_message_says_why(engines):
    server = Running()
    engine = engines(urls=[server.url])
    engine.refresh(Adapted(1))
    server.kill()
    with pytest.raises(LedgerlineError, match=f"no vLLM server is left: {server.url}"):
        play(engine)
    with pytest.raises(LedgerlineError, match="no vLLM server is left"):
        engine.refresh(Adapted(2))


def test_a_server_started_anew_behind_our_back_is_given_the_adapter_again(engines):
    server = Running()
    engine = engines(urls=[server.url])
    engine.refresh(Adapted(1))
    server.fake.adapters.clear()
    play(engine)


def test_our_own_server_that_dies_is_started_again_and_its_turns_redone(engines, tmp_path):
    died = tmp_path / "died"
    engine = engines(arguments=["--die-at", "8", "--died", str(died)])
    engine.refresh(Adapted(1))
    play(engine)
    assert died.exists()
    engine.refresh(Adapted(2), step=1)
    play(engine, weight=2)


def test_our_own_server_that_dies_too_often_ends_the_step(engines, tmp_path):
    died = tmp_path / "gone" / "died"  # can't be noted down, so it dies each time
    engine = engines(arguments=["--die-at", "8", "--died", str(died)])
    engine.refresh(Adapted(1))
    with pytest.raises(LedgerlineError, match=r"restarted 1 times"):
        play(engine)


@pytest.mark.parametrize("restarts", [1, 2])
def test_a_server_that_dies_while_it_is_given_the_adapter_again_uses_up_a_restart(
    engines, tmp_path, restarts
):
    died, loading = tmp_path / "died", tmp_path / "loading"
    arguments = ["--die-at", "8", "--died", str(died), "--died-loading", str(loading)]
    engine = engines(arguments=arguments, restarts=restarts)
    engine.refresh(Adapted(1))
    if restarts == 2:
        play(engine)
    else:
        with pytest.raises(LedgerlineError, match=r"restarted 1 times.*load_lora_adapter"):
            play(engine)
    assert loading.exists()


def test_a_server_that_does_not_come_up_shows_its_last_words(engines):
    engine = engines(arguments=["--refuse"])
    with pytest.raises(LedgerlineError, match="not enough memory for the cache"):
        engine.refresh(Adapted(1))


def test_a_missing_environment_is_named(engines):
    engine = engines(command=["no/such/vllm", "serve"])
    with pytest.raises(LedgerlineError, match=r"there is no no/such/vllm .*make vllm"):
        engine.refresh(Adapted(1))


def test_weights_without_an_adapter_are_refused(engines):
    with pytest.raises(LedgerlineError, match=r"set policy\.adapter"):
        engines(urls=["http://127.0.0.1:9"]).refresh(object())


def test_a_history_without_room_for_more_is_cut_off(engines):
    server = Running()
    engine = engines(positions=24, urls=[server.url])
    engine.refresh(Adapted(1))
    long = Replies([5] * 20, [[6] * 10] * 4)
    short = Replies([5, 6, 7], [])
    engine.play([long, short], SAMPLING, torch.Generator())
    assert long.over
    assert long.turns[-1] == []
    assert short.turns == expected(Replies([5, 6, 7], []), 1).turns


def test_a_killed_run_leaves_no_server_behind(tmp_path):
    """The training process is killed outright; its server must not keep the accelerator."""
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys, time\n"
        "from tests.policy.test_vllm import Adapted, settings\n"
        "from ledgerline.policy.vllm.engine import VllmEngine\n"
        "from pathlib import Path\n"
        "folder = Path(sys.argv[1])\n"
        "engine = VllmEngine('base', 4, 3, 8, 200, 'float32', settings(folder))\n"
        "engine.refresh(Adapted(1))\n"
        "print(engine._servers[0]._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.Popen(
        [sys.executable, script, tmp_path], env=environment, stdout=subprocess.PIPE, text=True
    )
    server = int(run.stdout.readline())
    run.send_signal(signal.SIGKILL)
    run.wait()
    gone = any(not _alive(server) for _ in _tries())
    assert gone


async def _start(server):
    async with aiohttp.ClientSession() as session:
        assert await server.join(session)


def _tries():
    for _ in range(200):
        yield
        time.sleep(0.05)


def _alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
