"""From an episode to its record: was it right, was something wrong shown, what is withheld."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.evaluation.records import Record, transcript_json
from ledgerline.evaluation.slices import Slicer
from ledgerline.examples.example import Example
from ledgerline.filings import figures
from ledgerline.rewards.components import unsupported
from ledgerline.rewards.grading import grade
from ledgerline.rewards.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Played:
    """One finished episode: its wall-clock `seconds` when it was played alone (else None), the
    policy's `confidence` in it (0 to 1), and what it cost in US dollars."""

    transcript: Transcript
    seconds: float | None
    confidence: float
    cost: float = 0.0


Player = Callable[[Sequence[Example]], Sequence[Played]]
"""Plays examples to their ends, one result for each, in order."""


def evaluate_policy(
    name: str,
    player: Player,
    examples: Sequence[Example],
    rubric: Rubric,
    slicer: Slicer,
    split: str,
) -> list[Record]:
    """Have `player` play `examples`, and judge each: one record per example, in order."""
    played = player(examples)
    return [
        judge(name, example, episode, rubric, slicer.slices_of(example), split)
        for example, episode in zip(examples, played, strict=True)
    ]


def judge(
    policy: str,
    example: Example,
    played: Played,
    rubric: Rubric,
    slices: tuple[str, ...],
    split: str,
) -> Record:
    """The record of one episode.

    A due figure must be answered rightly; where none is due only an abstention is right, and
    running out of turns or tokens is none.
    """
    transcript = played.transcript
    shown = transcript.outcome is Outcome.ANSWERED
    verdict = grade(transcript.answer or "", example.reference) if shown else None
    right = verdict.right if verdict else False
    if not example.is_due:
        right = transcript.outcome is Outcome.ABSTAINED
    reward = rubric.score(transcript, example)
    reference = example.reference
    return Record(
        policy=policy,
        example_id=example.id,
        split=split,
        kind=example.kind,
        holdouts=tuple(sorted(str(holdout) for holdout in example.holdouts)),
        slices=slices,
        cik=reference.cik if reference else None,
        company=reference.company if reference else "",
        metric=reference.metric if reference else "",
        period=reference.period if reference else "",
        due=example.is_due,
        outcome=str(transcript.outcome),
        answer=transcript.answer,
        expected=example.completion,
        grade=str(verdict.verdict) if verdict else "none",
        why=verdict.fault if verdict else "",
        right=right,
        shown=shown,
        wrong_shown=shown and not right,
        made_up=unsupported(transcript),
        repeated=repeats(transcript),
        turns=len(transcript.turns),
        tokens=transcript.sampled_tokens,
        seconds=played.seconds,
        confidence=played.confidence,
        reward=reward.total if reward.graded else None,
        breakdown=reward.breakdown,
        accession=reference.accession if reference else "",
        transcript=transcript_json(transcript),
        cost=played.cost,
    )


def repeats(transcript: Transcript) -> bool:
    """Whether the answer is a figure that the document says already.

    What is asked for beside a figure, of another metric or another year, is hardly ever the same;
    whoever gives it has looked up the one that stands there.
    """
    if transcript.outcome is not Outcome.ANSWERED or transcript.answer is None:
        return False
    said = {amount.value for _, _, amount in figures.find(transcript.prompt)}
    return any(amount.value in said for _, _, amount in figures.find(transcript.answer))
