"""What a completion takes through HTTP, beside the engine alone.

`python -m bench.serving --version 1` starts `ledgerline serve` in a process of its own and posts
the version's test examples to it, one by one. In turn with them the same policy plays each in
this process, timed as the evaluation times it, so that both meet the same machine.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.transcript import Outcome
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.cli import DEFAULT_URI, open_registry
from ledgerline.evaluation.evaluate import draw
from ledgerline.evaluation.judging import Player
from ledgerline.evaluation.playing import policy_player
from ledgerline.evaluation.reevaluate import read_conditions
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store

FIRST = 5
"""Examples that are played before any is counted."""
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one example: the engine's alone, by the server's own account, through HTTP;
    and whether both sides gave the same answer."""

    alone: float
    served: float
    through_http: float
    same: bool


def main() -> None:
    """Print both sides' percentiles, and on how many examples they say the same."""
    parser = argparse.ArgumentParser(description="Latency through the serving path.")
    parser.add_argument("--version", type=int, required=True, help="of the registry")
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--facts", type=Path, default=Path("data/clean/facts.sqlite"))
    parser.add_argument("--uri", default=os.environ.get("MLFLOW_TRACKING_URI", DEFAULT_URI))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        registry = open_registry(chosen.uri, "ledgerline", "registry")
        folder = registry.fetch(registry.version(chosen.version), Path(temporary))
        with (
            Store.open(chosen.facts, read_only=True) as store,
            serving(folder, chosen.facts) as client,
        ):
            player = engine_alone(folder, Search(store))
            examples = read_jsonl(folder / "evaluation" / "test.jsonl")
            rows = [both(client, player, one) for one in draw(examples, chosen.examples, 1)]
    show(rows[FIRST:])


@contextmanager
def serving(folder: Path, facts: Path) -> Iterator[httpx.Client]:
    """A client of `ledgerline serve`, which shows everything, however unsure."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ledgerline = str(Path(sys.executable).with_name("ledgerline"))
    options = ["--facts", str(facts), "--threshold", "0", "--port", str(port)]
    process = subprocess.Popen([ledgerline, "serve", str(folder), *options])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while not _listens(port):
                if process.poll() is not None:
                    raise LedgerlineError("the server ended before it listened; it says why above")
                time.sleep(0.2)
            yield client
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def engine_alone(folder: Path, search: Search) -> Player:
    """Plays as the evaluation does what it times."""
    conditions = read_conditions(folder / "evaluation" / "params.yaml")
    settings = conditions.evaluate
    return policy_player(
        folder / "policy",
        conditions.attention,
        settings.engine,
        lambda: FilingsEnvironment(search),
        episode_fields,
        conditions.limits,
        1,
        settings.seed,
        settings.dollars_per_hour,
    )


def both(client: httpx.Client, player: Player, example: Example) -> Row:
    """One example on both sides."""
    (played,) = player([example])
    body = {"document": example.prompt, "document_date": example.document_date.isoformat()}
    started = time.perf_counter()
    response = client.post("/complete", json=body)
    seconds = time.perf_counter() - started
    response.raise_for_status()
    answer = response.json()
    transcript = played.transcript
    said = transcript.answer if transcript.outcome is Outcome.ANSWERED else ""
    return Row(played.seconds or 0.0, answer["seconds"], seconds, answer["completion"] == said)


def show(rows: list[Row]) -> None:
    """The table, in milliseconds."""
    table = Table(title=f"{len(rows)} test examples, one by one, ms", title_justify="left")
    for column in ("", *(f"p{percentile}" for percentile in PERCENTILES)):
        table.add_column(column, justify="right" if column else "left")
    for name, seconds in (
        ("engine alone", [row.alone for row in rows]),
        ("in the server", [row.served for row in rows]),
        ("through HTTP", [row.through_http for row in rows]),
    ):
        values = 1000 * np.percentile(seconds, PERCENTILES)
        table.add_row(name, *(f"{value:.1f}" for value in values))
    console = Console()
    console.print(table)
    console.print(f"the same answer to {sum(row.same for row in rows)}", highlight=False)


if __name__ == "__main__":
    main()
