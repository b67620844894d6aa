"""What the promotion gate answers: each of its checks, and what they come to."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the gate and its answer, in words and in figures."""

    name: str
    verdict: Verdict
    detail: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer about `candidate` against `incumbent`."""

    candidate: str
    incumbent: str
    verdict: Verdict
    checks: tuple[Check, ...]

    @property
    def promote(self) -> bool:
        """Whether the candidate takes the champion's place."""
        return self.verdict is Verdict.PASS

    def reason(self) -> str:
        """One line: what decided."""
        if self.promote:
            return "every check passed"
        blocking = [check for check in self.checks if check.verdict is self.verdict]
        return "; ".join(f"{check.name}: {check.detail}" for check in blocking)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as they come back from JSON."""
        values = {**asdict(self), "promote": self.promote, "reason": self.reason()}
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain
