"""A small store and corpus of generated companies, for every test that needs examples."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ledgerline.examples.synthesize import SynthesizeSettings
from ledgerline.filings.companyfacts import read_companyfacts
from ledgerline.filings.generated import GeneratedSettings, companies
from ledgerline.filings.store import Store

KINDS = {
    "annual": 0.2, "quarterly": 0.15, "balance": 0.12, "relative": 0.08, "comparison": 0.05,
    "growth": 0.04, "margin": 0.04, "several": 0.04, "mid_word": 0.03, "unfinished": 0.03,
    "already_written": 0.03, "narrative": 0.02, "opinion": 0.02, "headcount": 0.02,
    "calendar": 0.02, "reference": 0.02, "estimate": 0.02, "market": 0.02,
    "unreported_metric": 0.02, "unknown_company": 0.02, "future_period": 0.02,
    "not_reported": 0.02,
}  # fmt: skip


def settings_with(**changes: Any) -> SynthesizeSettings:
    fields: dict[str, Any] = {
        "seed": 3,
        "counts": {"train": 700, "validation": 100, "test": 320},
        "slices": {"all_four": 0.34, "alone": 0.05},
        "kinds": KINDS,
        "train_kinds": {},
        "recombined": 0.5,
        "coined": {"looked_up": 0.3, "at_once": 0.3, "companies": 0.3, "years": 0.3},
        "intrusions": 0.1,
        "longest_prompt": 220,
        "test_sources": [],
        "holdouts": {
            "companies": 0.3,
            "phrasings": 0.2,
            "known_words": 2,
            "fiscal_years": [2023, 2024],
            "metrics": ["capex", "total_liabilities", "interest_expense"],
        },
    }
    return SynthesizeSettings.model_validate(fields | changes)


def write_store(path: Path, count: int = 50) -> None:
    """Generated companies without planted errors."""
    universe = GeneratedSettings(
        companies=count,
        years=8,
        last_year=2024,
        foreign_rate=0.1,
        restatement_rate=0.1,
        fact_error_rate=0,
        filing_error_rate=0,
        seed=5,
    )
    with Store.create(path) as created:
        for content, _ in companies(universe):
            company, facts, _bad = read_companyfacts(content)
            created.add(replace(company, source="generated"), facts)
