"""`ledgerline play`: sit in the model's seat. Same prompt, same tools, same limits, same pay."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.scripted import play
from ledgerline.environments.transcript import Transcript, Turn
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.rubric import Rubric

_HELP = """\
Complete the document at the caret ▏, or stay silent when no figure is due. One line a turn:
  s COMPANY | METRIC | PERIOD   look a figure up
  a FIGURE                      answer; a alone leaves the document as it is
Anything else is sent as it is, for instance a tool call of your own, whole or broken."""


def play_in_terminal(
    facts: Path,
    examples: Path,
    limits: Limits,
    rubric: Rubric,
    kind: str | None,
    seed: int | None,
    console: Console,
    ask: Callable[[], str],
) -> None:
    """Play random examples until `ask` raises EOFError; grade each and show what it earned."""
    drawn = [example for example in read_jsonl(examples) if kind in (None, example.kind)]
    random.Random(seed).shuffle(drawn)
    with Store.open(facts, read_only=True) as store:
        search = Search(store)
        console.print(_HELP, highlight=False, markup=False)
        for example in drawn:
            console.rule(example.kind if kind is None else kind)
            console.print(f"{example.prompt}▏", markup=False, highlight=False)
            try:
                transcript = play(
                    FilingsEnvironment(search),
                    episode_fields(example),
                    limits,
                    lambda _, turns: _turn(turns, console, ask),
                )
            except EOFError:
                return
            _show(transcript, example, rubric, console)


def _turn(turns: Sequence[Turn], console: Console, ask: Callable[[], str]) -> str:
    if turns:
        console.print(f"  {turns[-1].result}", markup=False, highlight=False)
    line = ask().strip()
    if line == "a" or line.startswith("a "):
        return write_call("return_answer", {"answer": line[1:].strip()})
    parts = [part.strip() for part in line[1:].split("|")]
    if line.startswith("s ") and len(parts) == 3:
        return write_call("search", dict(zip(("company", "metric", "period"), parts, strict=True)))
    return line


def _show(transcript: Transcript, example: Example, rubric: Rubric, console: Console) -> None:
    expected = example.completion or "silence"
    console.print(f"{transcript.outcome}; expected: {expected}", markup=False, highlight=False)
    reward = rubric.score(transcript, example)
    table = Table("component", "reward", title=f"reward {reward.total:+.2f}")
    for name, value in reward.breakdown.items():
        if value:
            table.add_row(name, f"{value:+.2f}")
    console.print(table)
