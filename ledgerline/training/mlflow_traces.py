"""Sampled rollouts as MLflow traces: a span for each turn, and in it one for its tool call."""

import time
from collections.abc import Sequence
from itertools import chain

from ledgerline.environments.transcript import Turn
from ledgerline.training.rollouts import Rollout
from ledgerline.training.traces import first_groups


def chosen(rollouts: Sequence[Rollout], groups: int) -> list[Rollout]:
    """The best and the worst rollout of the first `groups` groups: what the update compares."""
    pairs = (
        (max(group, key=_reward), min(group, key=_reward))
        for group in first_groups(rollouts, groups)
    )
    return list(chain.from_iterable(pairs))


def log_traces(step: int, rollouts: Sequence[Rollout]) -> None:
    """Log `rollouts` to the active MLflow run, each as a trace.

    Episodes are played side by side, so a span's length says nothing; spans keep their order.
    """
    for rollout in rollouts:
        _log(step, rollout)


def _log(step: int, rollout: Rollout) -> None:
    import mlflow
    from mlflow.entities import SpanStatusCode, SpanType

    transcript = rollout.transcript
    begun = time.time_ns()
    root = mlflow.start_span_no_context(
        "rollout",
        span_type=SpanType.AGENT,
        inputs={"prompt": transcript.prompt},
        attributes={
            "reward": rollout.reward.total,
            **rollout.reward.breakdown,
            "sampled_tokens": transcript.sampled_tokens,
        },
        tags={
            "step": str(step),
            "item": rollout.item.id,
            "kind": rollout.item.kind,
            "outcome": str(transcript.outcome),
            "succeeded": str(rollout.succeeded).lower(),
        },
        start_time_ns=begun,
    )
    for place, turn in enumerate(transcript.turns):
        start = begun + 2 * place * 1000
        span = mlflow.start_span_no_context(
            f"turn {place + 1}",
            span_type=SpanType.LLM,
            parent_span=root,
            inputs={"reads": _read_before(transcript.turns, place) or transcript.prompt},
            start_time_ns=start,
        )
        if turn.tool is not None:
            call = mlflow.start_span_no_context(
                turn.tool,
                span_type=SpanType.TOOL,
                parent_span=span,
                inputs=dict(turn.arguments),
                start_time_ns=start + 1000,
            )
            call.end(
                outputs=turn.result,
                status=SpanStatusCode.ERROR if turn.problem else SpanStatusCode.OK,
                end_time_ns=start + 2000,
            )
        span.end(
            outputs={"text": turn.text, "problem": turn.problem},
            status=SpanStatusCode.ERROR if turn.problem else SpanStatusCode.OK,
            end_time_ns=start + 2000,
        )
    root.end(
        outputs={"answer": transcript.answer, "outcome": str(transcript.outcome)},
        end_time_ns=begun + 2 * (len(transcript.turns) + 1) * 1000,
    )


def _read_before(turns: Sequence[Turn], place: int) -> str:
    """The tool's reply that a turn follows, "" before the first."""
    return turns[place - 1].result if place else ""


def _reward(rollout: Rollout) -> float:
    return rollout.reward.total
