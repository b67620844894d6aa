"""Expectations over facts, each a query for the rows that break it.

Those about sizes let stand what a reviewer accepted: a person has read the filing and decided.
What a reviewer typed in as a correction is checked like everything else.

Great Expectations takes seconds to import, so only a running gate imports this module. The
queries run where the facts are, in SQLite or Postgres; `{batch}` is the table of facts.
"""

# mypy: disable-error-code="misc"
# ruff: noqa: S608 - the queries are put together from this file's own text and numbers

from typing import Any, ClassVar

from great_expectations.expectations import UnexpectedRowsExpectation

_NAMED = (
    "SELECT filing.cik, filing.accession, concept.taxonomy, concept.tag, fact.unit, fact.start, "
    'fact."end", fact.value FROM {batch} AS fact '
    "JOIN filing ON filing.id = fact.filing_id JOIN concept ON concept.id = fact.concept_id "
)

_COUNT = "unexpected_rows_query.row_count"
_NOT_ACCEPTED = "fact.id NOT IN (SELECT fact_id FROM quarantine WHERE status = 'accepted')"


class ExpectNoSuchRows(UnexpectedRowsExpectation):
    """The query finds nothing.

    The rows are only counted: Great Expectations runs the query once more to fetch them, though a
    summary shows none, and `ledgerline.quality.gate` fetches some where it fails.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = (_COUNT,)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        return {"success": metrics[_COUNT] == 0, "result": {"observed_value": metrics[_COUNT]}}


class ExpectPeriodsToRunForward(ExpectNoSuchRows):
    """No period ends before it starts."""

    description: str = "No period ends before it starts."
    unexpected_rows_query: str = _NAMED + 'WHERE fact.start > fact."end"'


class ExpectFilingsToFollowTheirPeriods(ExpectNoSuchRows):
    """No figure is filed long before its period ends."""

    description: str = "No figure is filed more than a quarter before its period ends."

    @classmethod
    def build(cls, sqlite: bool) -> "ExpectFilingsToFollowTheirPeriods":
        late = (
            'julianday(fact."end") > julianday(filing.filed) + 92'
            if sqlite
            else 'fact."end" > filing.filed + 92'
        )
        return cls(unexpected_rows_query=_NAMED + f"WHERE {late}", severity="warning")


class ExpectUnitsToBeNamed(ExpectNoSuchRows):
    """Every value says what it counts."""

    description: str = "Every value names its unit: USD, shares, USD/shares, pure…"
    unexpected_rows_query: str = _NAMED + "WHERE trim(fact.unit) = ''"


class ExpectPlausibleSize(ExpectNoSuchRows):
    """No value of a known metric is larger than such values get."""

    @classmethod
    def build(
        cls, what: str, tags: list[str], largest: float, severity: str
    ) -> "ExpectPlausibleSize":
        """`tags` are "taxonomy:tag"; `what` says in words what they measure."""
        listed = ", ".join(f"'{tag}'" for tag in tags)
        return cls(
            description=f"No {what} is larger than {largest:,.0f}.",
            # By their ids: the database then looks for these concepts' facts, not at every fact.
            unexpected_rows_query=_NAMED + "WHERE fact.concept_id IN "
            f"(SELECT id FROM concept WHERE taxonomy || ':' || tag IN ({listed})) "
            f"AND abs(fact.approx) > {largest!r} AND {_NOT_ACCEPTED}",
            severity=severity,
        )


_DISAGREEING = f"""
SELECT extremes.cik, concept.taxonomy, concept.tag, extremes.unit, extremes.start,
       extremes."end", extremes.low, extremes.high
FROM (SELECT filing.cik, fact.concept_id, fact.unit, fact.start, fact."end",
             min(fact.approx) AS low, max(fact.approx) AS high
      FROM {{batch}} AS fact JOIN filing ON filing.id = fact.filing_id
      WHERE fact.approx > 0 AND {_NOT_ACCEPTED}
      GROUP BY filing.cik, fact.concept_id, fact.unit, fact.start, fact."end"
      HAVING max(fact.approx) >= 999 * min(fact.approx)) AS extremes
JOIN concept ON concept.id = extremes.concept_id"""


class ExpectFilingsToAgree(ExpectNoSuchRows):
    """The same figure in two filings doesn't differ by a thousand or more."""

    @classmethod
    def build(cls, per_million: float, severity: str) -> "ExpectFilingsToAgree":
        """`per_million`: how many facts in a million may disagree (unsettled restatements)."""
        return cls(
            description=(
                "A figure that several filings give is the same size in all of them: at most "
                f"{per_million:g} in a million differ by a thousand times or more."
            ),
            unexpected_rows_query=_at_most(_DISAGREEING, per_million),
            severity=severity,
        )


_UNBALANCED = f"""
SELECT filing.cik, filing.accession, sheets."end", sheets.assets, sheets.claims
FROM (SELECT fact.filing_id, fact."end",
             max(CASE WHEN concept.tag = 'Assets' THEN fact.approx END) AS assets,
             max(CASE WHEN concept.tag <> 'Assets' THEN fact.approx END) AS claims
      FROM {{batch}} AS fact JOIN concept ON concept.id = fact.concept_id
      WHERE fact.concept_id IN (
          SELECT id FROM concept WHERE tag IN ('Assets', 'LiabilitiesAndStockholdersEquity'))
        AND {_NOT_ACCEPTED}
      GROUP BY fact.filing_id, fact."end", fact.unit) AS sheets
JOIN filing ON filing.id = sheets.filing_id
WHERE sheets.assets > 0 AND sheets.claims > 0
  AND (sheets.assets > 9 * sheets.claims OR sheets.claims > 9 * sheets.assets)"""


class ExpectBalanceSheetsToBalance(ExpectNoSuchRows):
    """Assets and the sum of liabilities and equity have the same size."""

    @classmethod
    def build(cls, per_million: float, severity: str) -> "ExpectBalanceSheetsToBalance":
        """`per_million`: how many balance sheets per million facts may be off ninefold."""
        return cls(
            description=(
                "Assets equal liabilities plus equity, at least in size: at most "
                f"{per_million:g} balance sheets per million facts are off ninefold."
            ),
            unexpected_rows_query=_at_most(_UNBALANCED, per_million),
            severity=severity,
        )


class ExpectQuarantinedFactsToBeAbsent(ExpectNoSuchRows):
    """Nothing that was set aside is left among the facts."""

    description: str = "No fact in quarantine is among the facts that the model learns from."
    unexpected_rows_query: str = (
        _NAMED + "JOIN quarantine ON quarantine.fact_id = fact.id AND NOT quarantine.used"
    )


class ExpectCorrectionsToBeReviewed(ExpectNoSuchRows):
    """Every corrected fact has a reviewer's decision."""

    description: str = "Every corrected fact carries a reviewer's decision."
    unexpected_rows_query: str = (
        _NAMED + "LEFT JOIN quarantine ON quarantine.fact_id = fact.id "
        "WHERE fact.corrected AND coalesce(quarantine.status, '') <> 'corrected'"
    )


class ExpectNothingToBeLost(ExpectNoSuchRows):
    """Facts accepted and facts set aside make up all that came in."""

    @classmethod
    def build(cls, facts_in: int) -> "ExpectNothingToBeLost":
        return cls(
            description=f"Accepted and set aside facts make up the {facts_in:,} that came in.",
            unexpected_rows_query=(
                "SELECT accepted, aside FROM (SELECT (SELECT count(*) FROM {batch}) AS accepted, "
                "(SELECT count(*) FROM quarantine WHERE NOT used) AS aside) AS counts "
                f"WHERE accepted + aside <> {facts_in}"
            ),
            severity="critical",
        )


_MISSED = """
SELECT planted.cik, planted.accession, planted.tag, planted.unit, planted.start, planted."end",
       planted.wrong, planted."right"
FROM planted
JOIN filing ON filing.cik = planted.cik AND filing.accession = planted.accession
JOIN concept ON concept.taxonomy = planted.taxonomy AND concept.tag = planted.tag
JOIN {batch} AS fact ON fact.filing_id = filing.id AND fact.concept_id = concept.id
  AND fact."end" = planted."end" AND fact.unit = planted.unit
  AND coalesce(fact.start, '0001-01-01') = coalesce(planted.start, '0001-01-01')
WHERE NOT fact.corrected"""


class ExpectPlantedErrorsToBeFound(ExpectNoSuchRows):
    """Most of the errors that the generated universe holds are set aside."""

    @classmethod
    def build(cls, least_recall: float) -> "ExpectPlantedErrorsToBeFound":
        return cls(
            description=(
                f"At least {least_recall:.0%} of the errors planted in generated filings are "
                "set aside."
            ),
            unexpected_rows_query=(
                "SELECT * FROM (SELECT missed.*, count(*) OVER () AS missed_rows "
                f"FROM ({_MISSED}) AS missed) AS counted "
                f"WHERE missed_rows > {1 - least_recall!r} * (SELECT count(*) FROM planted)"
            ),
            severity="critical",
        )


def _at_most(rows: str, per_million: float) -> str:
    """`rows`, but none of them when they are no more than `per_million` of the facts."""
    return (
        "SELECT * FROM (SELECT broken.*, count(*) OVER () AS broken_rows "
        f"FROM ({rows}) AS broken) AS counted "
        f"WHERE broken_rows > {per_million!r} / 1000000.0 * "
        "(SELECT count(*) FROM {batch} AS every_fact)"
    )
