"""The corpus: a training split that never sees the hold-outs, and slices that cross them."""

import gc
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from ledgerline.errors import LedgerlineError
from ledgerline.examples.coined import CoinedShares, with_coined_names
from ledgerline.examples.commission import ClaudeSettings
from ledgerline.examples.confirm import Draft, Refusal
from ledgerline.examples.example import Example, Holdout, Split
from ledgerline.examples.firms import NOTHING, Heard
from ledgerline.examples.grammar import phrasings
from ledgerline.examples.heard import heard_of, without_telling
from ledgerline.examples.holdouts import SLICES, Holdouts, HoldoutSettings
from ledgerline.examples.intrusions import with_intrusions
from ledgerline.examples.leakage import Expectation, check_each
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.scribe import OPENINGS, Scribe
from ledgerline.examples.silence import SILENT_KINDS, SilentAuthor
from ledgerline.examples.template import DUE_KINDS, DueAuthor
from ledgerline.examples.universe import Universe
from ledgerline.examples.writer import Writer
from ledgerline.filings.facts import Company
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.settings import Settings

_PARTS = 2
"""Of training, each with companies of its own; as many on any machine, for the same bytes."""

KINDS = (*DUE_KINDS, *SILENT_KINDS)


class Counts(Settings):
    """Examples a split; validation and test divide theirs among the slices."""

    train: int = Field(ge=1)
    validation: int = Field(ge=0)
    test: int = Field(ge=0)


class SliceShares(Settings):
    """Shares of an evaluation split: all four hold-outs at once, and none or one alone (each).

    The combinations of two and three divide what is left.
    """

    all_four: float = Field(ge=0, le=1)
    alone: float = Field(ge=0, le=0.2)


class SynthesizeSettings(Settings):
    """What the corpus holds.

    `seed` decides every draw and hold-out. `kinds` are weights, `train_kinds` those that differ
    in the training split. Of its documents a share `recombined` are in phrasings made of parts of
    others, a share `coined` call their metric by a name that only search can resolve, and a share
    `intrusions` begin with what doesn't belong. `longest_prompt` is in characters, and without
    these. `test_sources`, where given, limits validation and test to companies that came from these
    kinds of source. `prose` names files of tagged sentences, and `claude`, where given, has Claude
    write too.
    """

    seed: int
    counts: Counts
    slices: SliceShares
    kinds: dict[str, float]
    train_kinds: dict[str, float]
    recombined: float = Field(ge=0, le=1)
    coined: CoinedShares
    intrusions: float = Field(ge=0, le=1)
    holdouts: HoldoutSettings
    longest_prompt: int
    test_sources: tuple[str, ...]
    prose: tuple[str, ...] = ()
    claude: ClaudeSettings | None = None

    @field_validator("kinds", "train_kinds")
    @classmethod
    def _known(cls, kinds: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"unknown kinds {unknown}; there are {list(KINDS)}")
        return kinds

    @field_validator("kinds")
    @classmethod
    def _some(cls, kinds: dict[str, float]) -> dict[str, float]:
        if not any(weight > 0 for weight in kinds.values()):
            raise ValueError("no kind has a weight above 0")
        return kinds

    @model_validator(mode="after")
    def _some_in_training(self) -> "SynthesizeSettings":
        if not any(weight > 0 for weight in (self.kinds | self.train_kinds).values()):
            raise ValueError("train_kinds leaves training no kind with a weight above 0")
        return self


@dataclass(frozen=True, slots=True)
class Corpus:
    """The three splits, what was refused on the way, and the slices that came out short.

    `beside` are ids of what another process wrote of training.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    refused: dict[str, int]
    short: dict[str, int]
    beside: frozenset[str] = frozenset()

    def splits(self) -> dict[str, list[Example]]:
        """Name → examples."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class TemplateAuthor:
    """Both halves of the grammar: kinds of which a figure is due, and kinds of which none is.

    Words `heard` may stand in names that are made up; of a `Scribe` are `recombined` and `along`.
    """

    def __init__(
        self,
        universe: Universe,
        recombined: float = 0.0,
        heard: Heard = NOTHING,
        along: float = 0.0,
    ):
        scribe = Scribe(universe, phrasings(), recombined, along)
        self._due = DueAuthor(scribe)
        self._silent = SilentAuthor(scribe, self._due, heard)

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A document of `kind` that holds out exactly `wanted`."""
        author = self._due if kind in DUE_KINDS else self._silent
        return author.draft(kind, wanted, rng)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage in cycles: a fifth of the time, and there is hardly any."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Beside:
    """A process that writes a part of training; it opens the store of facts for itself.

    `afterwards` is what it does next, while validation and test are written here.
    """

    pool: Executor
    facts: Path
    afterwards: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class _Part:
    """The `number`th of the parts of training: how much of what is written about whom.

    `heard` are words that may stand in names that are made up.
    """

    number: int
    count: int
    companies: Sequence[Company]
    kinds: Mapping[str, float]
    heard: Heard
    holdouts: Holdouts
    settings: SynthesizeSettings


@_uncollected()
def synthesize(
    companies: Sequence[Company],
    search: Search,
    settings: SynthesizeSettings,
    written: Iterable[Draft | Refusal] = (),
    mentions: Mentions | None = None,
    beside: Beside | None = None,
) -> Corpus:
    """Write the corpus; the same arguments give the same bytes, with `beside` or without.

    `written` are drafts of other authors (Claude, real prose); those that hold out nothing join
    training, the others the test split. `companies` are those of the store, and `mentions` theirs,
    for who looks for what the corpus mentions before or after.

    Raises:
        LedgerlineError: nothing can be written for training, or no company may be tested on.
    """
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    mentions = mentions or Mentions(companies, search.catalogue)
    # The order of the kinds is theirs, not that of the params file.
    kinds = {kind: settings.kinds.get(kind, 0.0) for kind in KINDS}
    writer = Writer(search, settings.longest_prompt, settings.seed, mentions, holdouts)
    heard = heard_of(companies, holdouts)
    untelling = without_telling(heard, holdouts)
    parts = _parts(companies, kinds | settings.train_kinds, untelling, holdouts, settings)
    train: list[Example] = []
    by_others: frozenset[str] = frozenset()
    for number, (examples, refusals) in enumerate(_written(parts, search, mentions, beside)):
        if beside and number:
            by_others |= {example.id for example in examples}
        train += writer.join(examples)
        writer.refused += refusals
    missing = replace(parts[0], count=settings.counts.train - len(train), companies=companies)
    if missing.count:
        train += _write(missing, writer, search, mentions)
    if not train:
        raise LedgerlineError(
            "no training example could be written: do the facts cover fiscal years and metrics "
            "that synthesize.holdouts in params.yaml leaves in?"
        )
    random.Random(f"{settings.seed}:{Split.TRAIN}:all").shuffle(train)
    writer.learnt(train)
    tested = [
        c for c in companies if not settings.test_sources or c.source in settings.test_sources
    ]
    if not tested:
        raise LedgerlineError(
            f"synthesize.test_sources {list(settings.test_sources)} in params.yaml: no company "
            "comes from these."
        )
    author = TemplateAuthor(Universe(tested, search, search.catalogue, holdouts), heard=heard)
    validation = writer.write(
        author, Split.VALIDATION, quotas(settings.counts.validation, settings.slices), kinds
    )
    test = writer.write(author, Split.TEST, quotas(settings.counts.test, settings.slices), kinds)
    drafts: dict[bool, list[Draft]] = {False: [], True: []}
    for draft in written:
        if isinstance(draft, Refusal):
            writer.refused[f"{draft.draft.source}: {draft.reason}"] += 1
        else:
            drafts[bool(draft.holdouts)].append(draft)
    taken = writer.take(drafts[False], Split.TRAIN)
    # Filings repeat themselves: what training has now seen is kept out of the test split.
    writer.learnt([*train, *taken])
    test += writer.take(drafts[True], Split.TEST)
    train += _varied(taken, untelling, mentions, holdouts, settings)
    refused = dict(writer.refused.most_common())
    return Corpus(train, validation, test, refused, writer.short, by_others)


def _parts(
    companies: Sequence[Company],
    kinds: Mapping[str, float],
    heard: Heard,
    holdouts: Holdouts,
    settings: SynthesizeSettings,
) -> list[_Part]:
    """Parts of training alike in size, none of them without a company."""
    trained = [company for company in companies if not holdouts.company(company.cik)]
    number = max(1, min(_PARTS, len(trained)))
    return [
        _Part(
            part,
            (settings.counts.train + part) // number,
            trained[part::number],
            kinds,
            heard,
            holdouts,
            settings,
        )
        for part in range(number)
    ]


def _written(
    parts: Sequence[_Part], search: Search, mentions: Mentions, beside: Beside | None
) -> Iterator[tuple[list[Example], Counter[str]]]:
    """Each part's examples, and what was refused; the first is written here, others `beside`."""
    futures = []
    if beside is not None:
        futures = [beside.pool.submit(_write_beside, part, beside.facts) for part in parts[1:]]
        beside.pool.submit(beside.afterwards)
    yield _write_part(parts[0], search, mentions)
    if beside is None:
        yield from (_write_part(part, search, mentions) for part in parts[1:])
    yield from (future.result() for future in futures)


@lru_cache(maxsize=1)
def _opened(facts: Path) -> tuple[Search, Mentions]:
    """What a process beside keeps: the checks ask what the writing asked before."""
    search = Search(Store.open(facts, read_only=True))
    return search, Mentions(search.companies.values(), search.catalogue)


@_uncollected()
def _write_beside(part: _Part, facts: Path) -> tuple[list[Example], Counter[str]]:
    return _write_part(part, *_opened(facts))


def check_beside(train: Sequence[Example], holdouts: Holdouts, facts: Path) -> list[Expectation]:
    """What `check_each` finds, for the process that wrote `train`."""
    search, mentions = _opened(facts)
    return check_each(train, (), search, holdouts, mentions)


def _write_part(
    part: _Part, search: Search, mentions: Mentions
) -> tuple[list[Example], Counter[str]]:
    """A part's examples, and why drafts of it were refused."""
    settings = part.settings
    writer = Writer(
        search,
        settings.longest_prompt,
        f"{settings.seed}:part {part.number}",
        mentions,
        part.holdouts,
    )
    return _write(part, writer, search, mentions), writer.refused


def _write(part: _Part, writer: Writer, search: Search, mentions: Mentions) -> list[Example]:
    universe = Universe(part.companies, search, search.catalogue, part.holdouts, part.count)
    along = part.number / _PARTS
    author = TemplateAuthor(universe, part.settings.recombined, part.heard, along)
    examples = writer.write(author, Split.TRAIN, {frozenset(): part.count}, part.kinds)
    return _varied(examples, part.heard, mentions, part.holdouts, part.settings)


def _varied(
    examples: Sequence[Example],
    heard: Heard,
    mentions: Mentions,
    holdouts: Holdouts,
    settings: SynthesizeSettings,
) -> list[Example]:
    """Training examples as no filing and no memo has them, so that these aren't learnt by heart."""
    longest, seed = settings.longest_prompt, settings.seed
    coined = with_coined_names(examples, settings.coined, heard, mentions, holdouts, longest, seed)
    return with_intrusions(coined, settings.intrusions, seed)


@lru_cache(maxsize=8)
def make_holdouts(settings: HoldoutSettings, seed: int) -> Holdouts:
    """The hold-outs over the grammar's own phrasings."""
    families = {name: texts for name, texts in phrasings().items() if name != OPENINGS}
    return Holdouts(settings, families, seed)


def quotas(count: int, shares: SliceShares) -> dict[frozenset[Holdout], int]:
    """Slice → number of examples; the largest slice takes what rounding leaves over."""
    single = [wanted for wanted in SLICES if len(wanted) <= 1]
    crossed = [wanted for wanted in SLICES if 2 <= len(wanted) <= 3]
    every = SLICES[-1]
    found = dict.fromkeys(single, int(count * shares.alone))
    left = count - sum(found.values()) - int(count * shares.all_four)
    found |= dict.fromkeys(crossed, max(0, left) // len(crossed))
    found[every] = max(0, count - sum(found.values()))
    return found


def with_difficulty(examples: Iterable[Example], pass_rates: Mapping[str, float]) -> list[Example]:
    """The examples, each with the pass rate measured for its id where there is one."""
    return [
        replace(example, difficulty=pass_rates.get(example.id, example.difficulty))
        for example in examples
    ]
