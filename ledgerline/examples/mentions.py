"""What a text mentions, read off the text alone: companies, metrics, fiscal years, phrasing."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import ceil

from ledgerline.examples.wording import short_name
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Company
from ledgerline.filings.period_words import read_period

NEAR_DUPLICATE = 0.9
"""Jaccard similarity of two texts' phrasings from which one gives the other away."""

_TOKEN = re.compile(r"[^\W_]+(?:[&.\-][^\W_]+)*|['’]s?\b|[^\w\s]")
_FISCAL_YEAR = re.compile(
    r"(?:\bfiscal(?: year)?|\bFY|\byear-end|Q[1-4]|\b[1-4]Q|\bH1|\b9M|\bquarter of|\bthe)"
    r"(?: of)?\s?'?(\d{4}|\d{2})\b"
)
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"\S+")
_TIME = re.compile(
    r"\d{4}|\b\d?[fqhm]\w*'?\d|\b(?:year|quarter|half|month|latest|ttm)", re.IGNORECASE
)
_BEFORE_A_PERIOD = re.compile(
    r"\A(?:(?:for|in|during|at|as|of|on|to|by|from|against) )+", re.IGNORECASE
)
_REMEMBERED = 100_000
"""Texts of which is kept what they mention: a corpus is looked through more than once."""
_LONGEST_PERIOD = 8
"""Words of a period at most."""
_PERIOD_WORDS = frozenset(
    {
        "january", "february", "march", "april", "may", "june", "july", "august", "september",
        "october", "november", "december", "fiscal", "year", "quarter", "ended", "fy",
        "months", "first", "second", "third", "fourth", "half", "nine", "three", "six", "end",
        "year-end", "q1", "q2", "q3", "q4", "h1", "9m", "million", "billion", "thousand",
        "trillion", "shares", "was", "were", "has", "have", "up", "down", "rose", "fell",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mention:
    """A company or metric named at `start` to `end`; `keys` are CIKs or catalogue names."""

    start: int
    end: int
    kind: str
    keys: frozenset[int | str]


class Mentions:
    """Finds the names of known companies and metrics in running text, the longest first.

    `catalogue` has the metrics, and knows them misspelt, too.
    """

    def __init__(self, companies: Iterable[Company], catalogue: Catalogue):
        self.catalogue = catalogue
        self._names: dict[tuple[str, ...], set[tuple[str, int | str]]] = {}
        self._tickers: dict[str, set[int | str]] = {}
        for metric in catalogue.metrics:
            for name in (metric.display, *metric.aliases):
                self._add(name, "metric", metric.name)
        for company in companies:
            for name in (company.name, *company.former_names):
                self._add(name, "company", company.cik)
                self._add(short_name(name), "company", company.cik)
            if len(company.ticker) > 1:
                self._tickers.setdefault(company.ticker, set()).add(company.cik)
        lengths: dict[str, set[int]] = {}
        for words in self._names:
            lengths.setdefault(words[0], set()).add(len(words))
        self._lengths = {word: sorted(found, reverse=True) for word, found in lengths.items()}
        self._found = lru_cache(_REMEMBERED)(self._find)
        self._phrasings = lru_cache(_REMEMBERED)(self._find_phrasing)

    def _add(self, name: str, kind: str, key: int | str) -> None:
        words = tuple(match[0].lower() for match in _TOKEN.finditer(name))
        if words:
            self._names.setdefault(words, set()).add((kind, key))

    def find(self, text: str) -> tuple[Mention, ...]:
        """Every mention, left to right, without overlaps."""
        return self._found(text)

    def _find(self, text: str) -> tuple[Mention, ...]:
        return tuple(self._mentions(list(_TOKEN.finditer(text))))

    def _mentions(self, tokens: Sequence[re.Match[str]]) -> Iterator[Mention]:
        words = [token[0].lower() for token in tokens]
        at = 0
        while at < len(words):
            may_begin = words[at] in self._lengths or tokens[at][0] in self._tickers
            found = self._longest_at(tokens, words, at) if may_begin else None
            if found is None:
                at += 1
                continue
            length, kind, keys = found
            yield Mention(tokens[at].start(), tokens[at + length - 1].end(), kind, keys)
            at += length

    def _longest_at(
        self, tokens: Sequence[re.Match[str]], words: Sequence[str], at: int
    ) -> tuple[int, str, frozenset[int | str]] | None:
        first = tokens[at][0]
        for length in self._lengths.get(words[at], ()):
            # Too short an end of the text is no name of this length either.
            meant = self._names.get(tuple(words[at : at + length]))
            if meant is None or at + length > len(words):
                continue
            metrics = frozenset(key for kind, key in meant if kind == "metric")
            if metrics:
                return length, "metric", metrics
            # Names are capitalised; "visa", "target" and "gap" otherwise are words.
            if not first[0].islower():
                return length, "company", frozenset(key for _, key in meant)
        if first in self._tickers:
            return 1, "company", frozenset(self._tickers[first])
        return None

    def phrasing(self, text: str) -> frozenset[str]:
        """The words and marks that make up a text's phrasing.

        Names, figures, dates and the words of periods are left out, and so is order.
        """
        return self._phrasings(text)

    def _find_phrasing(self, text: str) -> frozenset[str]:
        mentions = self.find(text)
        kept = {mention.kind.upper() for mention in mentions}
        spans = iter(mentions)
        span = next(spans, None)
        for token in _TOKEN.finditer(text):
            while span is not None and token.start() >= span.end:
                span = next(spans, None)
            if span is not None and token.start() >= span.start:
                continue
            word = token[0].lower()
            if word not in _PERIOD_WORDS and not _DIGIT.search(word):
                kept.add(word)
        return frozenset(kept)


def fiscal_years(text: str) -> set[int]:
    """Fiscal years that a text names as such ("fiscal 2023", "FY23", "Q3 2022")."""
    return {
        int(year) if len(year) == 4 else 2000 + int(year) for year in _FISCAL_YEAR.findall(text)
    }


@lru_cache(maxsize=10_000)
def last_period(text: str) -> str | None:
    """The last phrase of `text` that names a period, taken as long as it still does."""
    words = list(_WORD.finditer(text))
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - _LONGEST_PERIOD), end):
            phrase = text[words[start].start() : words[end - 1].end()].strip(" ,.;:()|→•=–—-")
            if _TIME.search(phrase) and _is_period(phrase):
                return _BEFORE_A_PERIOD.sub("", phrase)
    return None


def periods_in(text: str) -> list[str]:
    """The phrases of `text` that name periods, the last one first."""
    found = []
    while (period := last_period(text)) is not None:
        found.append(period)
        text = text[: text.rindex(period)]
    return found


def _is_period(phrase: str) -> bool:
    try:
        read_period(phrase)
    except ValueError:
        return False
    return True


class NearIndex:
    """Token sets, searchable by Jaccard similarity of at least `threshold` (exact, not hashed).

    An empty set is like none. Two sets that similar are of similar size, and the rarest token that
    they share is so early among the tokens of either, the rarest first, that enough others follow
    it (positional filtering: Xiao, Wang, Lin and Yu, "Efficient Similarity Joins for Near Duplicate
    Detection", 2008), so only those are compared.
    """

    def __init__(self, threshold: float, sets: Iterable[frozenset[str]]):
        self._threshold = threshold
        self._sets = sorted({tokens for tokens in sets if tokens}, key=sorted)
        counts = Counter(chain.from_iterable(self._sets))
        rarest = sorted(counts, key=lambda token: (counts[token], token))
        self._ranks = {token: rank for rank, token in enumerate(rarest)}
        # Sets as bits of a number are intersected in a third of the time.
        self._bits = {token: 1 << number for number, token in enumerate(reversed(rarest))}
        self._masks = [self._mask(tokens) for tokens in self._sets]
        self._holding: dict[tuple[int, int, int], list[int]] = {}
        for position, tokens in enumerate(self._sets):
            size = len(tokens)
            ranks = sorted(self._ranks[token] for token in tokens)
            for place in range(size - self._least(threshold * size) + 1):
                self._holding.setdefault((ranks[place], size, place), []).append(position)

    def _mask(self, tokens: frozenset[str]) -> int:
        return sum(self._bits.get(token, 0) for token in tokens)

    @staticmethod
    def _least(number: float) -> int:
        """The least whole number that isn't below `number`, but for what reckoning adds to it."""
        return ceil(number - 1e-9)

    def near(self, tokens: frozenset[str]) -> frozenset[str] | None:
        """A set held that is that similar to `tokens`, or None."""
        return next(self.every(tokens), None)

    def every(self, tokens: frozenset[str], longest: int | None = None) -> Iterator[frozenset[str]]:
        """The sets held that are that similar to `tokens`, itself too if it is held; of at most
        `longest` tokens.
        """
        mask, number = self._mask(tokens), len(tokens)
        for position in sorted(self._candidates(tokens, longest)):
            held = self._sets[position]
            shared = (self._masks[position] & mask).bit_count()
            if shared >= self._threshold * (len(held) + number - shared):
                yield held

    def _candidates(self, tokens: frozenset[str], longest: int | None) -> set[int]:
        number = len(tokens)
        ranks = sorted(self._ranks[token] for token in tokens if token in self._ranks)
        # Tokens that no set holds are the rarest of all.
        unknown = number - len(ranks)
        most = int(number / self._threshold + 1e-9)
        if longest is not None:
            most = min(most, longest)
        found: set[int] = set()
        for size in range(self._least(self._threshold * number), most + 1):
            # So many tokens two sets of these sizes share at least, if they are that similar.
            shared = self._least(self._threshold * (number + size) / (1 + self._threshold))
            for rank in ranks[: max(0, number - shared + 1 - unknown)]:
                for place in range(size - shared + 1):
                    found.update(self._holding.get((rank, size, place), ()))
        return found
