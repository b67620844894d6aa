"""The subsets by which results are looked at, so that no average hides a group."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from ledgerline.evaluation.metrics import CROSSED, USUAL
from ledgerline.examples.example import Example, Holdout, Reference
from ledgerline.filings.facts import Company
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Search

ANNUAL = "annual"
QUARTERLY = "quarterly"
NONE_DUE = "none due"
KNOWN = "nothing new"
_SIZES = ((Decimal(10) ** 8, "small company"), (Decimal(10) ** 10, "mid-size company"))
_LARGE = "large company"


class Slicer:
    """Names the slices that an example counts in, with what the filings say of its company.

    `harder_kinds` don't count as usual.
    """

    def __init__(self, search: Search, harder_kinds: Collection[str]):
        self._search = search
        self._harder_kinds = frozenset(harder_kinds)
        self._companies: Mapping[int, Company] = search.directory.companies
        self._sizes: dict[int, str | None] = {}

    def slices_of(self, example: Example) -> tuple[str, ...]:
        """Slice names, without repetition, in a fixed order."""
        names = [holdout_slice(example.holdouts), f"kind: {example.kind}"]
        if names[0] == CROSSED and example.kind not in self._harder_kinds:
            names.append(USUAL)
        if example.register:
            names.append(f"register: {example.register}")
        if example.source:
            names.append(f"source: {example.source}")
        if example.reference is None:
            names.append(NONE_DUE)
        else:
            names += self._of_fact(example.reference)
        return tuple(dict.fromkeys(name for name in names if name))

    def _of_fact(self, reference: Reference) -> list[str]:
        period = reference.period
        names = [ANNUAL if period.startswith("FY") else QUARTERLY]
        names.append(f"family: {self._search.catalogue.get(reference.metric).family}")
        if reference.value < 0:
            names.append("negative")
        if self._is_restated(reference):
            names.append("restated")
        company = self._companies.get(reference.cik)
        if company is None:
            return names
        if company.fiscal_year_end and not company.fiscal_year_end.startswith("12"):
            names.append("non-December year-end")
        if company.sic:
            names.append(f"sector: {sector(company.sic)}")
        size = self._size(reference.cik)
        return [*names, size] if size else names

    def _is_restated(self, reference: Reference) -> bool:
        series = self._search.versions(reference.cik, reference.metric)
        versions = series.find(Period.parse_label(reference.period))
        return versions is not None and versions.figures[-1].restated

    def _size(self, cik: int) -> str | None:
        """By the largest annual revenue that it ever reported, in its own currency."""
        if cik not in self._sizes:
            series = self._search.versions(cik, "revenue")
            revenues = [
                versions.figures[-1].value
                for period in series.candidates
                if period.span is Span.FY and (versions := series.find(period))
            ]
            self._sizes[cik] = _size_name(max(revenues)) if revenues else None
        return self._sizes[cik]


def holdout_slice(holdouts: frozenset[Holdout]) -> str:
    """ "new company", "new company + period", …; all four at once are "new everything"."""
    if not holdouts:
        return KNOWN
    if len(holdouts) == len(Holdout):
        return CROSSED
    return "new " + " + ".join(str(holdout) for holdout in Holdout if holdout in holdouts)


def sector(sic: str) -> str:
    """The division of a four-digit SIC code, as the Standard Industrial Classification has it."""
    try:
        major = int(sic[:2])
    except ValueError:
        return "unknown"
    divisions = (
        (9, "agriculture"),
        (14, "mining"),
        (17, "construction"),
        (39, "manufacturing"),
        (49, "transport and utilities"),
        (51, "wholesale"),
        (59, "retail"),
        (67, "finance"),
        (89, "services"),
    )
    return next((name for last, name in divisions if major <= last), "public")


def _size_name(revenue: Decimal) -> str:
    return next((name for limit, name in _SIZES if revenue < limit), _LARGE)
