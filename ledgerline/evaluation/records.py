"""What came out when one policy was asked one example: one JSON line each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson

from ledgerline.durable import replacing_file
from ledgerline.environments.transcript import Outcome, Transcript, Turn
from ledgerline.errors import LedgerlineError

TEST = "test"
VALIDATION = "validation"
SUITE = "suite"
"""`split` of a record: the test set, what thresholds are chosen on, adversarial prompts."""


@dataclass(frozen=True, slots=True)
class Record:
    """One policy's episode on one example, judged.

    `right`: the due figure was answered rightly, or the policy abstained where none is due.
    `shown`: an answer stood in the document; `wrong_shown`: it should not have.
    `made_up`: an answer that no search of the episode supports. `repeated`: one that the document
    says already.
    `grade` is "right", "wrong", "unreadable", or "none" when nothing was answered.
    `slices` names the subsets it counts in; `seconds` is the episode's wall-clock time, None
    when it was played beside others, where a single episode's time has no meaning;
    `confidence` is the policy's own, 0 to 1, higher is surer; `cost` is in US dollars.
    """

    policy: str
    example_id: str
    split: str
    kind: str
    holdouts: tuple[str, ...]
    slices: tuple[str, ...]
    cik: int | None
    company: str
    metric: str
    period: str
    due: bool
    outcome: str
    answer: str | None
    expected: str
    grade: str
    why: str
    right: bool
    shown: bool
    wrong_shown: bool
    made_up: bool
    repeated: bool
    turns: int
    tokens: int
    seconds: float | None
    confidence: float
    reward: float | None
    breakdown: Mapping[str, float]
    accession: str
    transcript: Mapping[str, Any]
    cost: float = 0.0

    @property
    def silent(self) -> bool:
        """Whether the policy chose to say nothing, or, as `served`, nothing is seen of it."""
        return self.outcome == Outcome.ABSTAINED

    @property
    def cluster(self) -> str:
        """What examples stand or fall together by: the company, else the example itself."""
        return self.example_id if self.cik is None else f"cik:{self.cik}"

    def served(self, threshold: float) -> "Record":
        """The record as a reader sees it: of answers below `threshold`, of those that are made up
        or repeated and of episodes that ended without any, nothing.
        """
        withheld = self.made_up or self.repeated or self.confidence < threshold
        if self.shown and not withheld:
            return self
        return replace(
            self,
            shown=False,
            wrong_shown=False,
            made_up=False,
            repeated=False,
            right=not self.due,
            outcome=str(Outcome.ABSTAINED),
        )


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write one JSON line per record, durably; returns how many."""
    count = 0
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        for record in records:
            file.write(orjson.dumps(record, default=str, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def read_records(path: Path) -> list[Record]:
    """Read what `write_records` wrote.

    Raises LedgerlineError naming file and line when a line is cut off or lacks a field.
    """
    if not path.is_file():
        raise LedgerlineError(f"no evaluation records at {path}; run the evaluate stage first")
    names = {field.name for field in fields(Record)}
    records = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = orjson.loads(line)
                row = {name: row[name] for name in names if name in row}
                row["holdouts"] = tuple(row["holdouts"])
                row["slices"] = tuple(row["slices"])
                records.append(Record(**row))
            except (orjson.JSONDecodeError, TypeError, KeyError) as error:
                raise LedgerlineError(
                    f"{path}, line {number}: not a whole record ({error}); "
                    "run the evaluate stage again"
                ) from None
    return records


def transcript_json(transcript: Transcript) -> dict[str, Any]:
    """The transcript as plain JSON values."""
    return {
        "prompt": transcript.prompt,
        "turns": [
            {
                "text": turn.text,
                "tool": turn.tool,
                "arguments": dict(turn.arguments),
                "result": turn.result,
                "problem": turn.problem,
            }
            for turn in transcript.turns
        ],
        "outcome": str(transcript.outcome),
        "answer": transcript.answer,
        "evidence": [dict(entry) for entry in transcript.evidence],
        "sampled_tokens": transcript.sampled_tokens,
    }


def transcript_from_json(row: Mapping[str, Any]) -> Transcript:
    """The inverse of `transcript_json`."""
    return Transcript(
        prompt=row["prompt"],
        turns=tuple(Turn(**turn) for turn in row["turns"]),
        outcome=Outcome(row["outcome"]),
        answer=row["answer"],
        evidence=tuple(row["evidence"]),
        sampled_tokens=row["sampled_tokens"],
    )


def by_policy(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records grouped by policy, each group in order of example id."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.policy, []).append(record)
    return {
        name: sorted(group, key=lambda record: record.example_id) for name, group in groups.items()
    }
