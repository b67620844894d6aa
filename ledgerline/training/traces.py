"""Rollouts kept to be read: every one can be, so some of every step are written down."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # reading what was written down needs no torch
    from ledgerline.training.rollouts import Rollout

LONGEST = 2000
"""Characters of one text that are kept: a rollout must not grow with what a tool replies."""


class RunLog:
    """A training run's metrics and rollouts, in a folder that outlives a kill.

    A resumed run takes some steps a second time; `history` and `rollouts` then give what the
    last one said. `groups` whole groups of each step are kept, since an advantage is only
    understood beside its group; probes are kept all. `decode` gives tokens their text.
    """

    def __init__(self, folder: Path, groups: int, decode: Callable[[Sequence[int]], str]):
        folder.mkdir(parents=True, exist_ok=True)
        self._metrics = folder / "metrics.jsonl"
        self._rollouts = folder / "rollouts.jsonl"
        self._groups = groups
        self._decode = decode

    def write(
        self,
        step: int,
        metrics: Mapping[str, float],
        rollouts: Sequence["Rollout"],
        probes: Sequence["Rollout"] = (),
    ) -> None:
        """Append a step's metrics, the first groups of its rollouts, and its probes."""
        kept = [rollout for group in first_groups(rollouts, self._groups) for rollout in group]
        entries = [
            *(as_json(step, rollout, self._decode) for rollout in kept),
            *(as_json(step, rollout, self._decode) | {"probe": True} for rollout in probes),
        ]
        _append(self._metrics, {"step": step, **metrics})
        _append(self._rollouts, {"step": step, "rollouts": entries})

    def history(self) -> list[dict[str, float]]:
        """Metrics of each step, in order."""
        return _last_by_step(self._metrics)

    def rollouts(self) -> list[dict[str, Any]]:
        """The kept rollouts of each step, in order."""
        return read_rollouts(self._rollouts)


def first_groups(rollouts: Sequence["Rollout"], number: int) -> list[list["Rollout"]]:
    """The first `number` groups among a step's rollouts, each whole."""
    groups: dict[tuple[str, int], list[Rollout]] = {}
    for rollout in rollouts:
        groups.setdefault((rollout.item.id, rollout.group), []).append(rollout)
    return list(groups.values())[:number]


def read_rollouts(path: Path) -> list[dict[str, Any]]:
    """The rollouts of a file: one a line, as the stage `train` leaves them, or a step a line,
    as they are while it runs (of a step that was taken twice, the second time)."""
    entries = list(_entries(path))
    whole = [entry for entry in entries if "rollouts" not in entry]
    steps = {entry["step"]: entry for entry in entries if "rollouts" in entry}
    return whole + [rollout for step in sorted(steps) for rollout in steps[step]["rollouts"]]


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    with path.open("a") as file:
        # A kill may have left half a line; what follows must not be glued to it.
        file.write("\n" + json.dumps(entry, default=str))


def _last_by_step(path: Path) -> list[dict[str, Any]]:
    entries = {entry["step"]: entry for entry in _entries(path)}
    return [entries[step] for step in sorted(entries)]


def _entries(path: Path) -> Iterable[dict[str, Any]]:
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except ValueError:  # empty, or cut off by a kill
            continue
        if isinstance(entry, dict) and "step" in entry:
            yield entry


def as_json(
    step: int, rollout: "Rollout", decode: Callable[[Sequence[int]], str]
) -> dict[str, Any]:
    """One rollout as JSON values: what was asked, every turn, the outcome and the reward.

    `segments` is the history as the policy saw it, cut where sampled tokens (which are trained
    on) and others (the prompt, the tools' replies) meet.
    """
    transcript = rollout.transcript
    content = {
        "step": step,
        "item": rollout.item.id,
        "group": rollout.group,
        "kind": rollout.item.kind,
        "phrasing": rollout.item.phrasing,
        "company": _company(rollout),
        "prompt": transcript.prompt,
        "turns": [asdict(turn) for turn in transcript.turns],
        "evidence": [dict(entry) for entry in transcript.evidence],
        "segments": _segments(rollout, decode),
        "outcome": str(transcript.outcome),
        "answer": transcript.answer,
        "succeeded": rollout.succeeded,
        "reward": rollout.reward.total,
        "breakdown": rollout.reward.breakdown,
        "sampled_tokens": transcript.sampled_tokens,
    }
    cut: dict[str, Any] = _cut(content)
    return cut


def _company(rollout: "Rollout") -> str:
    """Whose figure is due, or whose was found: "" where the environment knows of no company."""
    due = getattr(getattr(rollout.item, "reference", None), "company", "")
    found = (str(entry["company"]) for entry in rollout.transcript.evidence if "company" in entry)
    return due or next(found, "")


def _segments(rollout: "Rollout", decode: Callable[[Sequence[int]], str]) -> list[dict[str, Any]]:
    segments = []
    runs = groupby(zip(rollout.sampled, rollout.tokens, strict=True), key=lambda pair: pair[0])
    for sampled, pairs in runs:
        tokens = [token for _, token in pairs]
        segments.append({"sampled": sampled, "tokens": len(tokens), "text": decode(tokens)})
    return segments


def _cut(value: Any) -> Any:
    """The same JSON value, each text no longer than `LONGEST`."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if isinstance(value, Mapping):
        return {name: _cut(part) for name, part in value.items()}
    return [_cut(part) for part in value] if isinstance(value, list | tuple) else value
