"""Self-expansion: more examples where the policy is at its boundary.

What it solves always or never teaches nothing. From what it solves sometimes, neighbours are
written: the same kind about another company, another period, another metric, or in another
wording. They pass every check that training examples pass, and stay out of every hold-out.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pydantic import Field

from ledgerline.examples.confirm import Draft, Refusal, confirm
from ledgerline.examples.example import Example, Split
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import KINDS
from ledgerline.examples.universe import Universe
from ledgerline.examples.writer import Author, names_held
from ledgerline.filings.search import Hit
from ledgerline.settings import Settings

_TRIES = 60


class ExpansionSettings(Settings):
    """Which examples are at the boundary, and how many neighbours each gets.

    `played` examples are measured in `tries` episodes each. Pass rates from `low` to `high`, both
    between 0 and 1, are the boundary. `most` is the number of neighbours in all.
    """

    played: int = Field(ge=1)
    tries: int = Field(ge=2)
    low: float = Field(gt=0, lt=1)
    high: float = Field(gt=0, lt=1)
    neighbours: int = Field(ge=1)
    most: int = Field(ge=1)
    seed: int


@dataclass(frozen=True, slots=True)
class Expansion:
    """New training examples, the example each is a neighbour of, and what was refused."""

    examples: tuple[Example, ...]
    parents: Mapping[str, str]
    refused: Mapping[str, int]


def expandable(examples: Iterable[Example]) -> list[Example]:
    """Examples of the kinds that the grammar writes: real prose has no neighbours."""
    return [example for example in examples if example.kind in KINDS]


def boundary(examples: Iterable[Example], settings: ExpansionSettings) -> list[Example]:
    """Expandable examples solved sometimes, the most uncertain first."""
    known = [example for example in expandable(examples) if example.difficulty is not None]
    inside = [e for e in known if settings.low <= (e.difficulty or 0.0) <= settings.high]
    return sorted(inside, key=lambda e: (abs((e.difficulty or 0.0) - 0.5), e.id))


def expand(
    train: Sequence[Example],
    author: Author,
    universe: Universe,
    mentions: Mentions,
    settings: ExpansionSettings,
    longest_prompt: int,
) -> Expansion:
    """Neighbours of the training examples at the boundary; a fresh universe, the same bytes.

    A neighbour is of its parent's kind, differs from every example there is, and shares its
    parent's metric, company or phrasing (what made it neither easy nor hopeless is near). Its
    prompt has at most `longest_prompt` characters.
    """
    rng = random.Random(f"{settings.seed}:expansion")
    taken = {example.prompt for example in train}
    found: list[Example] = []
    parents: dict[str, str] = {}
    refused: Counter[str] = Counter()
    for parent in boundary(train, settings):
        born = 0
        for _ in range(_TRIES):
            if born == settings.neighbours or len(found) == settings.most:
                break
            draft = author.draft(parent.kind, frozenset(), rng)
            if draft is None or not _is_near(draft, parent):
                continue
            example = _verified(draft, taken, universe, mentions, longest_prompt)
            if isinstance(example, str):
                refused[example] += 1
                continue
            taken.add(example.prompt)
            found.append(example)
            parents[example.id] = parent.id
            born += 1
    return Expansion(tuple(found), parents, dict(refused.most_common()))


def effect(
    parents: Mapping[str, str], before: Mapping[str, float], after: Mapping[str, float]
) -> dict[str, float]:
    """Mean pass rate of parents before and after training on their neighbours, and of neighbours.

    `parents` says whose neighbour each is; `before` and `after` are pass rates by example id; what
    either lacks is left out.
    """
    families: dict[str, list[str]] = defaultdict(list)
    for child, parent in parents.items():
        families[parent].append(child)
    measured = [parent for parent in families if parent in before and parent in after]
    children = [c for parent in measured for c in families[parent] if c in after]
    return {
        "parents": float(len(measured)),
        "parents_before": fmean(before[p] for p in measured) if measured else 0.0,
        "parents_after": fmean(after[p] for p in measured) if measured else 0.0,
        "neighbours_after": fmean(after[c] for c in children) if children else 0.0,
    }


def _is_near(draft: Draft, parent: Example) -> bool:
    """Whether the draft shares phrasing, metric or company with its parent."""
    if draft.phrasing == parent.phrasing:
        return True
    if draft.intended is None or parent.reference is None:
        return False
    cik, metric, _ = draft.intended
    return metric == parent.reference.metric or cik == parent.reference.cik


def _verified(
    draft: Draft,
    taken: set[str],
    universe: Universe,
    mentions: Mentions,
    longest_prompt: int,
) -> Example | str:
    """The example that the draft is, or the reason why it is none."""
    holdouts = universe.holdouts
    if len(draft.prompt) > longest_prompt:
        return "too long"
    if draft.prompt in taken:
        return "written already"
    if names_held(draft.prompt, mentions, holdouts):
        return "names what is held out"
    for call in draft.calls:
        answer = universe.search(call.company, call.metric, call.period, as_of=draft.document_date)
        if isinstance(answer, Hit) and holdouts.of(answer.filed):
            return "asks for what is held out"
    example = confirm(draft, universe.search, Split.TRAIN)
    return example.reason if isinstance(example, Refusal) else example
