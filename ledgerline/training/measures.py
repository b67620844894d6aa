"""What is measured of a training step: outcomes, tails, and what the update did."""

from collections.abc import Callable, Sequence

import torch

from ledgerline.environments.dialogue import non_ascii, repeated
from ledgerline.environments.transcript import Outcome
from ledgerline.training.grpo import Loss
from ledgerline.training.rollouts import Rollout


def step_metrics(
    played: Sequence[Rollout], learnt: Sequence[Rollout], losses: Sequence[Loss]
) -> dict[str, float]:
    """Named metrics of one step, over all rollouts played and the updates made from some."""
    number = len(played)
    metrics = {
        "reward": sum(rollout.reward.total for rollout in played) / number,
        "success": sum(rollout.succeeded for rollout in played) / number,
        "turns": sum(len(rollout.transcript.turns) for rollout in played) / number,
        "sampled_tokens": sum(rollout.transcript.sampled_tokens for rollout in played) / number,
        "rollouts": float(number),
        "share_with_signal": len(learnt) / number,
        "ungraded": sum(not rollout.reward.graded for rollout in played) / number,
        "non_ascii": _share_with(non_ascii, played),
        "repeated": _share_with(repeated, played),
    }
    for outcome in Outcome:
        metrics[f"outcome_{outcome}"] = (
            sum(rollout.transcript.outcome is outcome for rollout in played) / number
        )
    components: dict[str, float] = {}
    for rollout in played:
        for name, value in rollout.reward.breakdown.items():
            components[name] = components.get(name, 0.0) + value / number
    metrics |= {f"component_{name}": value for name, value in components.items()}
    return metrics | _update_metrics(losses)


def _share_with(measure: Callable[[str], float], played: Sequence[Rollout]) -> float:
    """Share of rollouts with a turn of the policy's own that is, by `measure`, more than half of
    that.
    """
    found = sum(
        any(measure(turn.text) > 0.5 for turn in rollout.transcript.turns[rollout.given :])
        for rollout in played
    )
    return found / len(played)


def _update_metrics(losses: Sequence[Loss]) -> dict[str, float]:
    if not losses:
        return {}
    gap = torch.cat([loss.gap for loss in losses]).exp()
    sample = gap[:: len(gap) // 2**24 + 1]  # as many as a quantile is taken of
    return {
        "loss": float(sum(loss.value.detach() for loss in losses)),
        "entropy": float(torch.cat([loss.entropy for loss in losses]).mean()),
        "kl": float(torch.cat([loss.kl for loss in losses]).mean()),
        "clipped": float(torch.cat([loss.clipped for loss in losses]).float().mean()),
        # Tails: means of the gap between engine and trainer look safe where these do not.
        "importance_p999": float(sample.quantile(0.999)),
        "importance_p001": float(sample.quantile(0.001)),
        "importance_outside": float(((gap - 1).abs() > 0.1).float().mean()),
    }
