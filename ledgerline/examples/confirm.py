"""Where an author's draft meets the store: only what the filings bear out becomes an example."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ledgerline.examples.example import Ask, Example, Holdout, Lookup, Reference, Split
from ledgerline.filings import figures
from ledgerline.filings.periods import Period
from ledgerline.filings.search import Figure, Hit, Miss, Search


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as its author means it, before anything is believed.

    `intended` is the (cik, metric, period) that the last look-up is to find. `misses` names the
    argument on which a look-up is to fail, where only that tells that nothing is due. `claim`
    is the completion the author gives, None where it leaves the figure to the store. `source` is
    the author.
    """

    kind: str
    prompt: str
    document_date: date
    calls: tuple[Lookup, ...]
    ask: Ask
    phrasing: str
    register: str
    holdouts: frozenset[Holdout] = frozenset()
    intended: tuple[int, str, Period] | None = None
    misses: str | None = None
    claim: str | None = None
    source: str = "template"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a draft became no example; `reason` is one of few, for counting."""

    reason: str
    draft: Draft
    detail: str = ""


def confirm(draft: Draft, search: Search, split: Split) -> Example | Refusal:
    """The example that `draft` is, with its figure from the store, or why it is none."""
    answers = [
        search(call.company, call.metric, call.period, as_of=draft.document_date)
        for call in draft.calls
    ]
    if draft.ask is Ask.NOTHING:
        return _confirm_silence(draft, answers, split)
    found: list[Figure] = []
    for answer in answers:
        if isinstance(answer, Miss):
            return Refusal(f"not found: {answer.argument}", draft, answer.message)
        found.append(answer.figure)
    last = found[-1]
    if draft.intended and (last.cik, last.metric, last.period) != draft.intended:
        return Refusal("another figure found", draft, f"{last.company} {last.metric}")
    completion = figures.render(last.value, last.unit)
    if draft.claim is not None and not states(draft.claim, last.value, last.unit):
        return Refusal("the figure is not in the facts", draft, f"{draft.claim} ≠ {completion}")
    reference = Reference(
        cik=last.cik,
        company=last.company,
        metric=last.metric,
        period=last.period.label,
        value=last.value,
        unit=last.unit,
        accession=last.accession,
    )
    return _example(draft, completion, reference, split)


def states(text: str, value: Decimal, unit: str) -> bool:
    """Whether `text` is one figure that agrees with `value` at the precision it states."""
    try:
        amount = figures.read(text)
    except ValueError:
        return False
    return figures.units_agree(amount.unit, unit) and (
        abs(amount.value - value) <= amount.quantum / 2
    )


def _confirm_silence(draft: Draft, answers: list[Hit | Miss], split: Split) -> Example | Refusal:
    for answer in answers:
        if isinstance(answer, Hit):
            return Refusal("a figure was found where none is due", draft, answer.figure.text)
        if draft.misses is not None and answer.argument != draft.misses:
            return Refusal(f"missed on {answer.argument}", draft, answer.message)
    return _example(draft, "", None, split)


def _example(draft: Draft, completion: str, reference: Reference | None, split: Split) -> Example:
    return Example(
        id=identity(draft.prompt, draft.document_date, completion),
        split=split,
        kind=draft.kind,
        ask=draft.ask,
        prompt=draft.prompt,
        completion=completion,
        document_date=draft.document_date,
        reference=reference,
        holdouts=draft.holdouts,
        phrasing=draft.phrasing,
        register=draft.register,
        searches=len(draft.calls),
        source=draft.source,
        calls=draft.calls,
    )


def identity(prompt: str, document_date: date, completion: str) -> str:
    """An example's id: a hash of what is asked and what is right."""
    content = "\x1f".join((prompt, document_date.isoformat(), completion))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def count_reasons(refusals: list[Refusal]) -> dict[str, int]:
    """Reason → number of drafts refused for it, the most frequent first."""
    return dict(Counter(refusal.reason for refusal in refusals).most_common())
