"""One thing that the policy is asked, and what a right answer is."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from ledgerline.filings.reckoning import renamed


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


class Ask(StrEnum):
    """What stands at the caret: a figure that was filed, one reckoned from two, or nothing."""

    FIGURE = "figure"
    CHANGE = "change"
    GROWTH = "growth"
    RATIO = "ratio"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Reference:
    """The fact that a right completion states.

    Of one that is reckoned from two facts (a change, a growth rate, a ratio) `value` is the result
    and the rest describes the first of them.
    """

    cik: int
    company: str
    metric: str
    period: str
    value: Decimal
    unit: str
    accession: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """The arguments of one look-up, copied from the prompt as far as it has them."""

    company: str
    metric: str
    period: str


@dataclass(frozen=True, slots=True)
class Example:
    """A document up to the caret, and the figure that is due there.

    `completion` is the figure as people write it, "" when none is due; then `reference` is
    None. `ask` says whether it is filed or reckoned from what is.
    `document_date` is what relative periods ("the prior-year quarter") count from.
    `calls` are the look-ups of the shortest honest episode, in order; also where none is due,
    if only a look-up can tell (a company that files nothing, a period to come).
    `glossary` gives names in the document that only its readers know, each with the usual one.
    `difficulty` is the pass rate of a policy, 0 to 1, where one has been measured.
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
    calls: tuple[Lookup, ...] = ()
    glossary: tuple[tuple[str, str], ...] = ()
    difficulty: float | None = None
    ask: Ask = Ask.FIGURE

    @property
    def is_due(self) -> bool:
        """Whether a figure is due at the caret."""
        return self.reference is not None

    @property
    def plain_prompt(self) -> str:
        """The prompt in words that need no glossary."""
        prompt = self.prompt
        for name, usual in self.glossary:
            prompt = prompt.replace(name, usual)
        return prompt

    def meant(self, call: Lookup) -> Lookup:
        """`call` in words that need no glossary."""
        usual = {name.casefold(): name_usual for name, name_usual in self.glossary}
        return replace(
            call,
            company=usual.get(call.company.casefold(), call.company),
            metric=renamed(call.metric, usual),
            period=usual.get(call.period.casefold(), call.period),
        )
