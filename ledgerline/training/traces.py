"""Rollouts kept to be read: every one can be, so some of every step are written down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ledgerline.training.rollouts import Rollout


class RunLog:
    """A training run's metrics and rollouts, in a folder that outlives a kill.

    A resumed run takes some steps a second time; `history` and `rollouts` then give what the
    last one said. `groups` whole groups of each step are kept, since an advantage is only
    understood beside its group.
    """

    def __init__(self, folder: Path, groups: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._metrics = folder / "metrics.jsonl"
        self._rollouts = folder / "rollouts.jsonl"
        self._groups = groups

    def write(self, step: int, metrics: Mapping[str, float], rollouts: Sequence[Rollout]) -> None:
        """Append a step's metrics and the first groups of its rollouts."""
        numbers = list(dict.fromkeys((r.item.id, r.group) for r in rollouts))[: self._groups]
        kept = [as_json(step, r) for r in rollouts if (r.item.id, r.group) in numbers]
        _append(self._metrics, {"step": step, **metrics})
        _append(self._rollouts, {"step": step, "rollouts": kept})

    def history(self) -> list[dict[str, float]]:
        """Metrics of each step, in order."""
        return _last_by_step(self._metrics)

    def rollouts(self) -> list[dict[str, Any]]:
        """The kept rollouts of each step, in order."""
        return [rollout for entry in _last_by_step(self._rollouts) for rollout in entry["rollouts"]]


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    with path.open("a") as file:
        # A kill may have left half a line; what follows must not be glued to it.
        file.write("\n" + json.dumps(entry, default=str))


def _last_by_step(path: Path) -> list[dict[str, Any]]:
    entries: dict[int, dict[str, Any]] = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except ValueError:  # empty, or cut off by a kill
            continue
        entries[entry["step"]] = entry
    return [entries[step] for step in sorted(entries)]


def as_json(step: int, rollout: Rollout) -> dict[str, Any]:
    """One rollout as JSON values: what was asked, every turn, the outcome and the reward."""
    transcript = rollout.transcript
    return {
        "step": step,
        "item": rollout.item.id,
        "kind": rollout.item.kind,
        "phrasing": rollout.item.phrasing,
        "prompt": transcript.prompt,
        "turns": [asdict(turn) for turn in transcript.turns],
        "outcome": str(transcript.outcome),
        "answer": transcript.answer,
        "succeeded": rollout.succeeded,
        "reward": rollout.reward.total,
        "breakdown": rollout.reward.breakdown,
        "sampled_tokens": transcript.sampled_tokens,
    }
