"""Which company a name, ticker or number means."""

# ruff: noqa: SIM905 - long lists of words read better as text

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from rapidfuzz import fuzz, process

from ledgerline.filings.chatter import DEEDS, without_chatter
from ledgerline.filings.facts import Company

_LEGAL = frozenset(
    "inc incorporated corp corporation co company companies ltd limited plc llc lp llp nv sa ag se "
    "kgaa spa asa ab oyj bv gmbh trust".split()
)
_STATE = re.compile(r"/[a-z ]{2,12}/?")
_SHARE_CLASS = re.compile(r"\b(?:class [a-c]|common stock|ordinary shares|adrs?|adss?)$")
_CLOSE = 86.0
_MARGIN = 6.0


@lru_cache(maxsize=50_000)
def name_key(text: str) -> str:
    """What of a company's name counts: words without case, punctuation, "and" and legal form."""
    text = _STATE.sub(" ", text.lower())
    text = text.replace("&", " and ").replace("’", "'")
    text = re.sub(r"'s\b|'|\.", "", text)
    text = _SHARE_CLASS.sub("", re.sub(r"[^a-z0-9]+", " ", text).strip()).strip()
    words = [word for word in text.split() if word != "and"]
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    while len(words) > 1 and words[-1] in _LEGAL:
        words = words[:-1]
    return " ".join(words)


def _parts(text: str) -> list[str]:
    """The name and the ticker of "Apple Inc. (NASDAQ: AAPL)"; anything else is one part."""
    wrapped = re.search(r"\(([^()]*)\)", text)
    parts = [text.partition("(")[0], wrapped[1].split(":")[-1]] if wrapped else [text]
    return [part.strip().removeprefix("$") for part in parts]


class Directory:
    """Companies by whatever people call them."""

    def __init__(self, companies: Iterable[Company]):
        self.companies = {company.cik: company for company in companies}
        self._names: dict[str, set[int]] = defaultdict(set)
        self._tickers: dict[str, set[int]] = defaultdict(set)
        self._starts: dict[str, set[int]] = defaultdict(set)
        self._initials: dict[str, set[int]] = defaultdict(set)
        for company in self.companies.values():
            for name in (company.name, *company.former_names):
                self._enter(company.cik, name)
            if company.ticker:
                self._tickers[company.ticker.upper()].add(company.cik)
        # "JPMorgan" and "J P Morgan": spelling without spaces is one spelling.
        self._joined: dict[str, set[int]] = defaultdict(set)
        for key, ciks in self._names.items():
            self._joined[key.replace(" ", "")] |= ciks
        # A misspelling may run the legal form into the name, so that one counts here.
        self._spellings = {key: set(ciks) for key, ciks in self._joined.items()}
        for company in self.companies.values():
            whole = "".join(re.findall(r"[a-z0-9]+", company.name.lower().replace("&", " ")))
            self._spellings.setdefault(whole, set()).add(company.cik)
        self._resolved: dict[str, Company | tuple[str, ...]] = {}

    def _enter(self, cik: int, name: str) -> None:
        key = name_key(name)
        if not key:
            return
        self._names[key].add(cik)
        words = key.split()
        for count in range(1, len(words)):
            self._starts["".join(words[:count])].add(cik)
        initials = re.sub(r"[^a-z ]", " ", name.lower()).split()
        if len(initials) >= 3:
            for count in range(3, len(initials) + 1):
                self._initials["".join(word[0] for word in initials[:count])].add(cik)

    def resolve(self, text: str) -> Company | tuple[str, ...]:
        """The company that `text` means, or the names it may have meant (maybe none).

        In order: ticker in capitals, name, CIK, ticker in any case, the start of just one
        name, initials in capitals; any of these with words of a sentence around it; a
        misspelling that is close to one name and clearly closer to it than to any other.
        """
        answer = self._resolved.get(text)
        if answer is None:
            answer = self._find(text) if len(text) <= 160 else ()
            if len(self._resolved) < 50_000:
                self._resolved[text] = answer
        return answer

    def _find(self, text: str) -> Company | tuple[str, ...]:
        for form in chain([text], without_chatter(text, DEEDS)):
            ciks = self._known(form)
            if ciks:
                return self._one_of(ciks)
        answers = [self._nearest(name_key(part).replace(" ", "")) for part in _parts(text)]
        return next((answer for answer in answers if isinstance(answer, Company)), answers[-1])

    def _known(self, text: str) -> set[int]:
        """The companies that are called exactly `text`."""
        parts = [self._called(part) for part in _parts(text)]
        return next((ciks for ciks in parts if len(ciks) == 1), parts[-1])

    def _called(self, plain: str) -> set[int]:
        joined = name_key(plain).replace(" ", "")
        candidates = (
            self._tickers.get(plain) if plain.isupper() else None,
            self._joined.get(joined),
            self._by_cik(plain),
            self._tickers.get(plain.upper().replace(".", "-")),
            self._tickers.get(plain.upper()),
            self._starts.get(joined) if len(joined) >= 3 else None,
            self._initials.get(plain.lower()) if plain.isupper() and len(plain) >= 3 else None,
        )
        return next((ciks for ciks in candidates if ciks), set())

    def _by_cik(self, text: str) -> set[int] | None:
        digits = re.fullmatch(r"(?:cik)?[\s#:]*0*(\d{1,10})", text.lower())
        return {int(digits[1])} & self.companies.keys() if digits else None

    def _one_of(self, ciks: set[int]) -> Company | tuple[str, ...]:
        if len(ciks) == 1:
            return self.companies[next(iter(ciks))]
        return tuple(sorted(self._label(self.companies[cik]) for cik in ciks)[:6])

    def _label(self, company: Company) -> str:
        """The name, with what tells it apart where several companies have it."""
        if len(self._names[name_key(company.name)]) == 1:
            return company.name
        return f"{company.name} ({company.ticker or f'CIK {company.cik}'})"

    def _nearest(self, joined: str) -> Company | tuple[str, ...]:
        if len(joined) < 3:
            return ()
        best: dict[int, float] = {}
        for spelling, score, _ in process.extract(
            joined, self._spellings.keys(), scorer=fuzz.ratio, limit=10, score_cutoff=55
        ):
            for cik in self._spellings[spelling]:
                best[cik] = max(best.get(cik, 0.0), score)
        ranked = sorted(best.items(), key=lambda item: -item[1])
        if ranked and len(joined) >= 5:
            runner_up = ranked[1][1] if len(ranked) > 1 else 0.0
            if ranked[0][1] >= _CLOSE and ranked[0][1] - runner_up >= _MARGIN:
                return self.companies[ranked[0][0]]
        return tuple(self._label(self.companies[cik]) for cik, _ in ranked[:5])
