"""One thing that the policy is asked, and what a right answer is."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Holdout(StrEnum):
    """A dimension in which an evaluation example is new to training."""

    COMPANY = "company"
    PERIOD = "period"
    METRIC = "metric"
    PHRASING = "phrasing"


@dataclass(frozen=True, slots=True)
class Reference:
    """The fact that a right completion states."""

    cik: int
    company: str
    metric: str
    period: str
    value: Decimal
    unit: str
    accession: str


@dataclass(frozen=True, slots=True)
class Example:
    """A document up to the caret, and the figure that is due there.

    `completion` is the figure as people write it, "" when none is due; then `reference` is
    None. `document_date` is what relative periods ("the prior-year quarter") count from.
    `searches` is the number of look-ups that the shortest honest episode makes.
    """

    id: str
    split: Split
    kind: str
    prompt: str
    completion: str
    document_date: date
    reference: Reference | None
    holdouts: frozenset[Holdout] = field(default_factory=frozenset)
    phrasing: str = ""
    register: str = ""
    searches: int = 0
    source: str = ""

    @property
    def is_due(self) -> bool:
        """Whether a figure is due at the caret."""
        return self.reference is not None
