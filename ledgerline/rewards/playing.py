"""`ledgerline play`: sit in the model's seat. Same prompt, same tools, same limits, same pay."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.scripted import play
from ledgerline.environments.transcript import Transcript, Turn
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.rubric import Rubric

_HELP = """\
The document ends at the caret ▏. One line a turn:
  s COMPANY | METRIC | PERIOD   look a figure up
  a FIGURE                      answer; a alone leaves the document as it is
Anything else is sent as it is, for instance a tool call of your own, whole or broken.
Ctrl-D ends the game."""


def play_in_terminal(
    facts: Path,
    examples: Path,
    limits: Limits,
    rubric: Rubric,
    kind: str | None,
    seed: int | None,
    console: Console,
    ask: Callable[[str], str],
) -> None:
    """Play random examples until `ask` raises EOFError; grade each and show what it earned.

    Raises:
        LedgerlineError: `examples` has none of `kind`.
    """
    drawn = _drawn(examples, kind, seed)
    rewards: list[float] = []
    with Store.open(facts, read_only=True) as store:
        environment = FilingsEnvironment(Search(store))
        _say(console, f"What the model is told: {environment.instructions}\n\n{_HELP}")
        for example in drawn:
            console.rule()
            _say(console, f"{example.prompt}▏")
            try:
                transcript = play(
                    environment,
                    episode_fields(example),
                    limits,
                    lambda _, turns: _turn(turns, limits, console, ask),
                )
            except (EOFError, KeyboardInterrupt):
                break
            rewards.append(_show(transcript, example, rubric, console))
    console.print()
    if rewards:
        _say(console, f"{len(rewards)} played, reward {fmean(rewards):+.2f} on average")


def _drawn(path: Path, kind: str | None, seed: int | None) -> list[Example]:
    examples = read_jsonl(path)
    drawn = [example for example in examples if kind in (None, example.kind)]
    if not drawn:
        kinds = ", ".join(sorted({example.kind for example in examples}))
        raise LedgerlineError(f"{path} has no example of kind {kind!r}; its kinds are: {kinds}.")
    random.Random(seed).shuffle(drawn)
    return drawn


def _turn(
    turns: Sequence[Turn], limits: Limits, console: Console, ask: Callable[[str], str]
) -> str:
    if turns:
        _say(console, f"  {turns[-1].result}")
    line = ask(f"{len(turns) + 1}/{limits.turns}> ").strip()
    if line == "a" or line.startswith("a "):
        return write_call("return_answer", {"answer": line[1:].strip()})
    parts = [part.strip() for part in line[1:].split("|")]
    if line.startswith("s ") and len(parts) == 3:
        return write_call("search", dict(zip(("company", "metric", "period"), parts, strict=True)))
    return line


def _show(transcript: Transcript, example: Example, rubric: Rubric, console: Console) -> float:
    """Print how the episode ended, what was right, and the reward, which is returned."""
    if transcript.turns[-1].problem:
        _say(console, f"  {transcript.turns[-1].problem}")
    _say(console, f"{transcript.outcome.replace('_', ' ')}; right was {_right(example)}")
    reward = rubric.score(transcript, example)
    paid = Table("component", "reward", title=f"{example.kind}: reward {reward.total:+.2f}")
    for name, value in reward.breakdown.items():
        if value:
            paid.add_row(name, f"{value:+.3f}")
    console.print(paid)
    return reward.total


def _right(example: Example) -> str:
    lookups = "; ".join(f"{c.company} | {c.metric} | {c.period}" for c in example.calls)
    found = f", by looking up {lookups}" if lookups else ""
    due = example.reference
    if due is None:
        return f"silence{found}"
    return f"{example.completion}{found} ({due.company}, {due.period}, {due.accession})"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
