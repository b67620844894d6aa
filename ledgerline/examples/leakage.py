"""Expectations on the examples: nothing held out reaches training, nothing is malformed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ledgerline.examples.example import Example, Holdout
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.mentions import NEAR_DUPLICATE, Mentions, NearIndex, fiscal_years
from ledgerline.filings.search import Hit, Miss, Search

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must hold of the corpus, and the examples that break it."""

    name: str
    broken: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether nothing breaks it."""
        return not self.broken

    def __str__(self) -> str:
        if self.met:
            return f"{self.name}: met"
        shown = "; ".join(self.broken[:_SHOWN])
        return f"{self.name}: {len(self.broken)} broken, such as {shown}"


def check_examples(
    train: Sequence[Example],
    evaluation: Sequence[Example],
    search: Search,
    holdouts: Holdouts,
    mentions: Mentions,
) -> list[Expectation]:
    """Every expectation on training examples and those they are kept apart from."""
    return [
        *check_each(train, evaluation, search, holdouts, mentions),
        *check_together(train, evaluation, mentions),
    ]


def check_each(
    train: Sequence[Example],
    evaluation: Sequence[Example],
    search: Search,
    holdouts: Holdouts,
    mentions: Mentions,
) -> list[Expectation]:
    """The expectations that each example meets by itself: some may be checked elsewhere."""
    every = (*train, *evaluation)
    return _expectations(
        {
            "a figure is due exactly where one is given": _where(
                every, lambda e: e.is_due is not bool(e.completion)
            ),
            "each look-up finds the figure that is due": _unfounded(every, search),
            "training asks for nothing held out": _asked(train, search, holdouts),
            "training mentions no held-out company": _mentioned(
                train, mentions, "company", holdouts.company
            ),
            "training mentions no held-out metric": _mentioned(
                train, mentions, "metric", holdouts.metric
            ),
            "training mentions no held-out fiscal year": _where(
                train, lambda e: bool(fiscal_years(e.prompt) & holdouts.fiscal_years)
            ),
            "training uses no held-out phrasing": _where(
                train, lambda e: e.phrasing.split(":")[-1] in holdouts.phrasings
            ),
        }
    )


def check_together(
    train: Sequence[Example], evaluation: Sequence[Example], mentions: Mentions
) -> list[Expectation]:
    """The expectations on all examples at once."""
    return _expectations(
        {
            "each example is there once": _repeated((*train, *evaluation)),
            "no held-out phrasing is nearly one of training's": _near(train, evaluation, mentions),
        }
    )


def added(ones: Iterable[Expectation], others: Iterable[Expectation]) -> list[Expectation]:
    """The same expectations on the examples of both."""
    return [
        Expectation(one.name, one.broken + other.broken)
        for one, other in zip(ones, others, strict=True)
    ]


def _expectations(checks: Mapping[str, Iterable[str]]) -> list[Expectation]:
    return [Expectation(name, tuple(broken)) for name, broken in checks.items()]


def _describe(example: Example, why: str = "") -> str:
    return f"{example.id} {example.prompt!r}" + (f" ({why})" if why else "")


def _where(examples: Iterable[Example], is_broken: Callable[[Example], bool]) -> Iterator[str]:
    return (_describe(example) for example in examples if is_broken(example))


def _repeated(examples: Iterable[Example]) -> Iterator[str]:
    ids: set[str] = set()
    prompts: set[str] = set()
    for example in examples:
        if example.id in ids or example.prompt in prompts:
            yield _describe(example)
        ids.add(example.id)
        prompts.add(example.prompt)


def _unfounded(examples: Iterable[Example], search: Search) -> Iterator[str]:
    for example in examples:
        for number, call in enumerate(map(example.meant, example.calls), start=1):
            answer = search(call.company, call.metric, call.period, as_of=example.document_date)
            if isinstance(answer, Miss):
                if example.is_due:
                    yield _describe(example, "not found")
            elif example.reference is None:
                yield _describe(example, "found")
            elif number == len(example.calls):
                due, figure = example.reference, answer.figure
                if (figure.cik, figure.metric) != (due.cik, due.metric):
                    yield _describe(example, f"finds {figure.metric}")


def _asked(train: Iterable[Example], search: Search, holdouts: Holdouts) -> Iterator[str]:
    for example in train:
        for call in map(example.meant, example.calls):
            answer = search(call.company, call.metric, call.period, as_of=example.document_date)
            if not isinstance(answer, Hit):
                continue
            for what in holdouts.of(answer.filed):
                yield _describe(example, what.value)


def _mentioned(
    train: Iterable[Example], mentions: Mentions, kind: str, is_held: Callable[..., bool]
) -> Iterator[str]:
    for example in train:
        for mention in mentions.find(example.plain_prompt):
            # A name that several share gives nobody away unless all of them are held out.
            if mention.kind == kind and all(map(is_held, mention.keys)):
                yield _describe(example, example.plain_prompt[mention.start : mention.end])


def _near(
    train: Iterable[Example], evaluation: Iterable[Example], mentions: Mentions
) -> Iterator[str]:
    index = NearIndex(
        NEAR_DUPLICATE, (mentions.phrasing(example.plain_prompt) for example in train)
    )
    for example in evaluation:
        if Holdout.PHRASING not in example.holdouts:
            continue
        near = index.near(mentions.phrasing(example.prompt))
        if near is not None:
            yield _describe(example, "like " + " ".join(sorted(near)))
