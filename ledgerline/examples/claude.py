"""The Claude author: documents in prose of its own about figures that the store holds.

Claude is told a fact and writes a document that ends where the figure is due, with the words it
used for company, metric and period and the figure as it reads it. Nothing is believed: the words
must stand in the document, the figure must not, a second call rates the document's realism, and
`confirm` holds the claim against the store.
"""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import anthropic

from ledgerline.examples.batches import Reply, Request, ask, bill, estimate
from ledgerline.examples.commission import ClaudeSettings
from ledgerline.examples.confirm import Draft
from ledgerline.examples.example import Ask, Holdout, Lookup
from ledgerline.examples.grammar import REGISTERS
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.mentions import Mentions, fiscal_years
from ledgerline.examples.template import is_plain_balance, is_plain_flow
from ledgerline.examples.universe import Universe
from ledgerline.filings import figures
from ledgerline.filings.periods import QUARTERS, Span
from ledgerline.filings.search import Figure

_SPANS = {"annual": (Span.FY,), "quarterly": QUARTERS, "balance": (Span.FY, *QUARTERS)}

_WRITER = """\
You write short business documents that stop in mid-sentence, to train a completion model.

Given a register and a fact from a company's SEC filing, write {variants} different documents, each
of 8 to 40 words and at most 220 characters, as an analyst, a lawyer or a press officer would. Each
ends exactly where the figure is due, with a space, and does not contain the figure. Name the
company, the metric and the period unmistakably, but vary how: short name or full, common synonyms,
"FY23", "fiscal 2023", "the year ended September 30, 2023".

For a document marked "silent", write one about the same matter that ends where no figure from a
filing is due: a name, an opinion, a reason, a date, a headcount, or after the figure has been
written; leave completion empty.

For each, copy out the words you used for company, metric and period exactly as they stand in the
document (empty if absent), and give the figure as it would be written there."""

_RATER = """\
You rate documents that stop in mid-sentence. Could a professional have typed this at work? Give
each a realism from 0 (clearly synthetic, garbled or off) to 10 (could be a real document)."""

_TEXT = {"type": "string"}
_DOCUMENT = {
    "type": "object",
    "properties": dict.fromkeys(("document", "company", "metric", "period", "completion"), _TEXT),
    "required": ["document", "company", "metric", "period", "completion"],
    "additionalProperties": False,
}
WRITTEN = {
    "type": "object",
    "properties": {"documents": {"type": "array", "items": _DOCUMENT}},
    "required": ["documents"],
    "additionalProperties": False,
}
RATED = {
    "type": "object",
    "properties": {"realism": {"type": "array", "items": {"type": "number"}}},
    "required": ["realism"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Commission:
    """One fact to write about, and what the documents hold out."""

    kind: str
    register: str
    figure: Figure
    wanted: frozenset[Holdout]
    silent: bool

    def request(self, variants: int) -> Request:
        """What Claude is asked."""
        figure = self.figure
        when = f"as of {figure.end}" if figure.start is None else f"{figure.start} to {figure.end}"
        lines = [
            f"Register: {self.register}" + (" (silent)" if self.silent else ""),
            f"Company: {figure.company}",
            f"Metric: {figure.metric_display}",
            f"Period: {figure.period.label} ({when})",
            f"Figure: {figure.text} ({figure.value} {figure.unit})",
        ]
        return Request(_WRITER.format(variants=variants), "\n".join(lines), WRITTEN)


@dataclass(frozen=True, slots=True)
class Commissioned:
    """Drafts that passed every check but the store's, what was thrown out, and the bill."""

    drafts: tuple[Draft, ...]
    thrown_out: Mapping[str, int]
    estimate: float
    bill: float


def commissions(
    universe: Universe,
    kinds: Sequence[str],
    wanted: Sequence[frozenset[Holdout]],
    settings: ClaudeSettings,
    seed: int,
) -> list[Commission]:
    """Facts to write about, spread over kinds, registers and the hold-outs asked for.

    Phrasings can't be commissioned: which are held out is decided when they are read.
    """
    rng = random.Random(f"{seed}:claude")
    found: list[Commission] = []
    for number in range(settings.facts * 4):
        if len(found) == settings.facts:
            break
        kind = kinds[number % len(kinds)]
        held = wanted[number % len(wanted)] - {Holdout.PHRASING}
        suits = is_plain_balance if kind == "balance" else is_plain_flow
        figure = universe.figure(held, {rng.choice(_SPANS[kind])}, rng, suits)
        if figure is not None:
            silent = rng.random() < settings.silent
            found.append(Commission(kind, rng.choice(REGISTERS), figure, held, silent))
    return found


def write(
    client: anthropic.Anthropic,
    commissioned: Sequence[Commission],
    mentions: Mentions,
    holdouts: Holdouts,
    settings: ClaudeSettings,
    folder: Path,
    seed: int,
    wait: Callable[[float], None],
) -> Commissioned:
    """Have the documents written and rated; `folder` keeps the replies for a later run."""
    requests = [commission.request(settings.variants) for commission in commissioned]
    expected = estimate(requests, settings.batches)
    replies = ask(client, requests, folder / "written", settings.batches, wait)
    thrown_out: Counter[str] = Counter(reply.problem for reply in replies if reply.problem)
    drafts: list[Draft] = []
    for commission, reply in zip(commissioned, replies, strict=True):
        for document in _documents(reply):
            draft = _draft(commission, document, mentions, holdouts, seed)
            if isinstance(draft, str):
                thrown_out[draft] += 1
            else:
                drafts.append(draft)
    ratings = _rate(client, drafts, settings, folder / "rated", wait)
    kept = []
    for draft, rating in zip(drafts, ratings.realism, strict=True):
        if rating is None:
            thrown_out["not rated"] += 1
        elif rating < settings.realism:
            thrown_out["not realistic"] += 1
        else:
            kept.append(draft)
    paid = bill([*replies, *ratings.replies], settings.batches.prices)
    return Commissioned(tuple(kept), dict(thrown_out.most_common()), expected, paid)


class WrittenAuthor:
    """Hands out drafts that were written beforehand, by the interface of every author."""

    def __init__(self, drafts: Sequence[Draft]):
        self._waiting: dict[tuple[str, frozenset[Holdout]], list[Draft]] = defaultdict(list)
        for draft in reversed(drafts):
            self._waiting[draft.kind, draft.holdouts].append(draft)

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """The next one of `kind` that holds out exactly `wanted`, None when there is none left."""
        waiting = self._waiting.get((kind, wanted))
        return waiting.pop() if waiting else None


def _documents(reply: Reply) -> list[Mapping[str, Any]]:
    if reply.content is None:
        return []
    documents = reply.content.get("documents")
    return [each for each in documents if isinstance(each, dict)] if documents else []


def _draft(
    commission: Commission,
    document: Mapping[str, Any],
    mentions: Mentions,
    holdouts: Holdouts,
    seed: int,
) -> Draft | str:
    """The draft that a document is, or why it is thrown out."""
    try:
        text, claim = str(document["document"]), str(document["completion"]).strip()
        words = [str(document[name]) for name in ("company", "metric", "period")]
    except KeyError:
        return "not as asked"
    figure = commission.figure
    if commission.silent is bool(claim):
        return "silence and figure mixed up"
    if not commission.silent:
        text = text.rstrip() + " "
        if not all(each and each in text for each in words):
            return "words that the document doesn't have"
        if any(abs(amount.value - figure.value) <= amount.quantum / 2
               for _, _, amount in figures.find(text)):  # fmt: skip
            return "the figure stands in the document"
    held = set(commission.wanted)
    if commission.silent:
        held &= _mentioned(text, mentions, holdouts)
    if holdouts.invented(Holdout.PHRASING, " ".join(sorted(mentions.phrasing(text)))):
        held.add(Holdout.PHRASING)
    rng = random.Random(f"{seed}:{text}")
    return Draft(
        kind="narrative" if commission.silent else commission.kind,
        prompt=text,
        document_date=_written_on(figure, rng),
        calls=() if commission.silent else (Lookup(*words),),
        ask=Ask.NOTHING if commission.silent else Ask.FIGURE,
        phrasing=f"claude-{hashlib.sha256(text.encode()).hexdigest()[:8]}",
        register=commission.register,
        holdouts=frozenset(held),
        intended=None if commission.silent else (figure.cik, figure.metric, figure.period),
        claim=None if commission.silent else claim,
        source="claude",
    )


def _mentioned(text: str, mentions: Mentions, holdouts: Holdouts) -> set[Holdout]:
    """The dimensions that a text without look-ups names at all."""
    found = {Holdout(mention.kind) for mention in mentions.find(text)}
    if fiscal_years(text) & holdouts.fiscal_years:
        found.add(Holdout.PERIOD)
    return found


def _written_on(figure: Figure, rng: random.Random) -> date:
    return figure.filed + timedelta(days=rng.randint(1, 200))


@dataclass(frozen=True, slots=True)
class _Ratings:
    realism: list[float | None]
    replies: list[Reply]


def _rate(
    client: anthropic.Anthropic,
    drafts: Sequence[Draft],
    settings: ClaudeSettings,
    folder: Path,
    wait: Callable[[float], None],
) -> _Ratings:
    """A realism for each draft, ten to a request; None where none came back."""
    groups = [drafts[start : start + 10] for start in range(0, len(drafts), 10)]
    requests = [
        Request(_RATER, "\n".join(f"{n}. {d.prompt}" for n, d in enumerate(group, 1)), RATED)
        for group in groups
    ]
    replies = ask(client, requests, folder, settings.batches, wait) if requests else []
    realism: list[float | None] = []
    for group, reply in zip(groups, replies, strict=True):
        rated = (reply.content or {}).get("realism")
        if isinstance(rated, list) and len(rated) == len(group):
            realism += [float(each) for each in rated]
        else:
            realism += [None] * len(group)
    return _Ratings(realism, replies)
