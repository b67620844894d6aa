"""What a judge is: it decides what code can't grade, given the reference.

Figures are never judged (`grading` does that). A judge that fails gives no verdict, rather than a
bad one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ledgerline.settings import Settings


class JudgeSettings(Settings):
    """A judge: `instructions` are its rubric, in words."""

    name: str
    model: str
    max_tokens: int
    instructions: str


class Order(StrEnum):
    """Which of the two texts the judge reads first."""

    REFERENCE_FIRST = "reference first"
    ANSWER_FIRST = "answer first"


@dataclass(frozen=True, slots=True)
class Question:
    """An answer to judge, the document it completes, and what would be right."""

    document: str
    answer: str
    reference: str

    def prompt(self, order: Order) -> str:
        """What the judge reads; the texts stand between marks, so that they can't pass for it."""
        parts = [_fenced("reference", self.reference), _fenced("answer", self.answer)]
        if order is Order.ANSWER_FIRST:
            parts.reverse()
        return "\n".join([_fenced("document", self.document), *parts])


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's verdict and how it came to it."""

    right: bool
    reasoning: str


class Judge(Protocol):
    """Gives a judgement, or None when it could not come to one."""

    def judge(self, question: Question, order: Order = Order.REFERENCE_FIRST) -> Judgement | None:
        """The verdict on `question`; None leaves it undecided, which is not a pass."""
        ...


def _fenced(name: str, text: str) -> str:
    cleaned = text.replace("<", "‹").replace(">", "›")
    return f"<{name}>{cleaned}</{name}>"
