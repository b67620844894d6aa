"""Rollouts kept to be read: every one can be, so some of every step are written down."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ledgerline.training.rollouts import Rollout


class RolloutLog:
    """Appends rollouts to a JSONL file, `groups` whole groups of each step.

    Whole groups, since an advantage is only understood beside its group.
    """

    def __init__(self, path: Path, groups: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._groups = groups

    def write(self, step: int, rollouts: Sequence[Rollout]) -> None:
        """Append the first groups of a step's rollouts."""
        numbers = list(dict.fromkeys((r.item.id, r.group) for r in rollouts))[: self._groups]
        with self._path.open("a") as file:
            for rollout in rollouts:
                if (rollout.item.id, rollout.group) in numbers:
                    file.write(json.dumps(as_json(step, rollout), default=str) + "\n")


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
