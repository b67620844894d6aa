"""The expectation suites of raw and of clean facts, from the catalogue and params."""

import great_expectations as gx
import great_expectations.expectations as core

from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality import expectations as own
from ledgerline.quality.gate_settings import GateSettings

FACT_COLUMNS = (
    "id", "filing_id", "concept_id", "unit", "start", "end", "value", "approx", "corrected",
)  # fmt: skip
NEEDED = {
    "filing_id": "Every fact names the filing that it comes from.",
    "concept_id": "Every fact names what it measures.",
    "unit": "Every fact has a unit.",
    "end": "Every fact has a date, or a day on which its period ends.",
    "value": "Every fact has a value, exactly as it was filed.",
    "approx": "Every fact has a number to calculate with.",
}
WHAT = {
    "money": "amount of money",
    "per_share": "per-share amount",
    "shares": "number of shares",
    "ratio": "ratio",
    "multiple": "multiple",
}


def raw_suite(settings: GateSettings, sqlite: bool) -> gx.ExpectationSuite:
    """What any ingest must hold for the rest to make sense; what validate sets aside only warns."""
    return gx.ExpectationSuite(
        name="raw facts",
        expectations=[
            *_shape(settings),
            own.ExpectUnitsToBeNamed(severity="warning"),
            own.ExpectPeriodsToRunForward(severity="warning"),
            own.ExpectFilingsToFollowTheirPeriods.build(sqlite),
        ],
    )


def clean_suite(
    settings: GateSettings, catalogue: Catalogue, facts_in: int, planted: bool, sqlite: bool
) -> gx.ExpectationSuite:
    """What the facts that a model learns from must hold; `planted` if the store has the truth."""
    return gx.ExpectationSuite(
        name="clean facts",
        expectations=[
            *_shape(settings),
            own.ExpectNothingToBeLost.build(facts_in),
            own.ExpectQuarantinedFactsToBeAbsent(severity="critical"),
            own.ExpectCorrectionsToBeReviewed(severity="critical"),
            own.ExpectUnitsToBeNamed(severity="critical"),
            own.ExpectPeriodsToRunForward(severity="critical"),
            own.ExpectFilingsToFollowTheirPeriods.build(sqlite),
            own.ExpectFilingsToAgree.build(settings.disagreeing_per_million, "critical"),
            own.ExpectBalanceSheetsToBalance.build(settings.unbalanced_per_million, "critical"),
            *([own.ExpectPlantedErrorsToBeFound.build(settings.least_recall)] if planted else []),
            *_sizes(settings, catalogue),
        ],
    )


def _shape(settings: GateSettings) -> list[core.Expectation]:
    return [
        core.ExpectTableColumnsToMatchSet(
            column_set=list(FACT_COLUMNS),
            description="The table of facts has the columns that every stage reads.",
            severity="critical",
        ),
        core.ExpectTableRowCountToBeBetween(
            min_value=settings.least_facts,
            description=f"There are at least {settings.least_facts:,} facts.",
            severity="critical",
        ),
        *(
            core.ExpectColumnValuesToNotBeNull(
                column=column, description=description, severity="critical"
            )
            for column, description in NEEDED.items()
        ),
    ]


def _sizes(settings: GateSettings, catalogue: Catalogue) -> list[core.Expectation]:
    expectations = []
    for unit_kind, largest in settings.largest.items():
        tags = sorted({t for m in catalogue.metrics if m.unit_kind == unit_kind for t in m.tags})
        if tags:
            expectations.append(
                own.ExpectPlausibleSize.build(WHAT[unit_kind], tags, largest, "critical")
            )
    return expectations
