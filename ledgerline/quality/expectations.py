"""Expectations over facts, each a query for the rows that break it.

Great Expectations takes seconds to import, so only a running gate imports this module. The
queries run where the facts are, in SQLite or Postgres; `{batch}` is the table of facts.
"""

from great_expectations.expectations import UnexpectedRowsExpectation

_NAMED = (
    "SELECT filing.cik, filing.accession, concept.taxonomy, concept.tag, fact.unit, fact.start, "
    'fact."end", fact.value FROM {batch} AS fact '
    "JOIN filing ON filing.id = fact.filing_id JOIN concept ON concept.id = fact.concept_id "
)


class ExpectPeriodsToRunForward(UnexpectedRowsExpectation):
    """No period ends before it starts."""

    description: str = "No period ends before it starts."
    unexpected_rows_query: str = _NAMED + 'WHERE fact.start > fact."end"'


class ExpectFilingsToFollowTheirPeriods(UnexpectedRowsExpectation):
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


class ExpectUnitsToBeNamed(UnexpectedRowsExpectation):
    """Every value says what it counts."""

    description: str = "Every value names its unit: USD, shares, USD/shares, pure…"
    unexpected_rows_query: str = _NAMED + "WHERE trim(fact.unit) = ''"


class ExpectPlausibleSize(UnexpectedRowsExpectation):
    """No value of a known metric is larger than such values get."""

    @classmethod
    def build(
        cls, what: str, tags: list[str], largest: float, severity: str
    ) -> "ExpectPlausibleSize":
        """`tags` are "taxonomy:tag"; `what` says in words what they measure."""
        listed = ", ".join(f"'{tag}'" for tag in tags)
        return cls(
            description=f"No {what} is larger than {largest:,.0f}.",
            unexpected_rows_query=_NAMED
            + f"WHERE concept.taxonomy || ':' || concept.tag IN ({listed}) "
            f"AND abs(fact.approx) > {largest!r}",
            severity=severity,
        )


class ExpectFilingsToAgree(UnexpectedRowsExpectation):
    """The same figure in two filings doesn't differ by a thousand or more."""

    @classmethod
    def build(cls, per_million: float, severity: str) -> "ExpectFilingsToAgree":
        """`per_million`: how many facts in a million may disagree (unsettled restatements)."""
        rows = (
            "SELECT min(filing.cik) AS cik, min(filing.accession) AS accession, "
            "max(filing.accession) AS other, min(concept.tag) AS tag, fact.unit, fact.start, "
            'fact."end", min(fact.approx) AS low, max(fact.approx) AS high FROM {batch} AS fact '
            "JOIN filing ON filing.id = fact.filing_id "
            "JOIN concept ON concept.id = fact.concept_id WHERE fact.approx > 0 "
            'GROUP BY filing.cik, fact.concept_id, fact.unit, fact.start, fact."end" '
            "HAVING max(fact.approx) >= 999 * min(fact.approx)"
        )
        return cls(
            description=(
                "A figure that several filings give is the same size in all of them: at most "
                f"{per_million:g} in a million differ by a thousand times or more."
            ),
            unexpected_rows_query=_at_most(rows, per_million),
            severity=severity,
        )


class ExpectBalanceSheetsToBalance(UnexpectedRowsExpectation):
    """Assets and the sum of liabilities and equity have the same size."""

    @classmethod
    def build(cls, per_million: float, severity: str) -> "ExpectBalanceSheetsToBalance":
        rows = (
            'SELECT filing.cik, filing.accession, assets."end", assets.approx AS assets, '
            "claims.approx AS liabilities_and_equity FROM {batch} AS assets "
            "JOIN concept AS a ON a.id = assets.concept_id AND a.tag = 'Assets' "
            "JOIN {batch} AS claims ON claims.filing_id = assets.filing_id "
            'AND claims."end" = assets."end" AND claims.unit = assets.unit '
            "JOIN concept AS c ON c.id = claims.concept_id "
            "AND c.tag = 'LiabilitiesAndStockholdersEquity' "
            "JOIN filing ON filing.id = assets.filing_id "
            "WHERE assets.approx > 0 AND claims.approx > 0 AND "
            "(assets.approx > 9 * claims.approx OR claims.approx > 9 * assets.approx)"
        )
        return cls(
            description=(
                "Assets equal liabilities plus equity, at least in size: at most "
                f"{per_million:g} in a million facts are part of a balance sheet off ninefold."
            ),
            unexpected_rows_query=_at_most(rows, per_million),
            severity=severity,
        )


class ExpectQuarantinedFactsToBeAbsent(UnexpectedRowsExpectation):
    """Nothing that was set aside is left among the facts."""

    description: str = "No fact in quarantine is among the facts that the model learns from."
    unexpected_rows_query: str = (
        _NAMED + "JOIN quarantine ON quarantine.fact_id = fact.id AND NOT quarantine.used"
    )


class ExpectCorrectionsToBeReviewed(UnexpectedRowsExpectation):
    """Every corrected fact has a reviewer's decision."""

    description: str = "Every corrected fact carries a reviewer's decision."
    unexpected_rows_query: str = (
        _NAMED + "LEFT JOIN quarantine ON quarantine.fact_id = fact.id "
        "WHERE fact.corrected AND coalesce(quarantine.status, '') <> 'corrected'"
    )


class ExpectNothingToBeLost(UnexpectedRowsExpectation):
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


def _at_most(rows: str, per_million: float) -> str:
    """`rows`, but none of them when they are no more than `per_million` of the facts."""
    return (
        f"SELECT * FROM ({rows}) AS broken WHERE (SELECT count(*) FROM ({rows}) AS counted) "
        f"> (SELECT count(*) FROM {{batch}}) * {per_million!r} / 1000000.0"
    )
