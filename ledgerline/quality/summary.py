"""What a run of the gate found, for the report, the metrics and whoever trains on the rest."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledgerline.quality.duplicates import Duplicate
from ledgerline.quality.outcome import SuiteResult
from ledgerline.quality.quarantine import Entry
from ledgerline.quality.truth import Score


@dataclass(frozen=True)
class Summary:
    """What a run found. entries: the whole quarantine, surest first; duplicates: values that
    were left out because the same filing gives the fact more precisely."""

    facts_in: int
    companies: int
    entries: tuple[Entry, ...]
    unmatched_reviews: int
    duplicates: tuple[Duplicate, ...]
    truth: Score | None
    suites: tuple[SuiteResult, ...]

    @property
    def set_aside(self) -> int:
        """Facts in quarantine that the clean store doesn't hold."""
        return sum(not entry.used for entry in self.entries)

    @property
    def accepted(self) -> int:
        """Facts in the clean store."""
        return self.facts_in - self.set_aside

    @property
    def reasons(self) -> dict[str, int]:
        """Facts set aside by reason, most frequent first."""
        counts = Counter(entry.reason for entry in self.entries if not entry.used)
        return dict(counts.most_common())

    @property
    def duplicated(self) -> dict[str, int]:
        """Duplicate values by the reason why they were left out, most frequent first."""
        return dict(Counter(duplicate.why for duplicate in self.duplicates).most_common())

    @property
    def fit(self) -> bool:
        """Whether the clean facts may be trained on: no critical expectation is broken."""
        return not any(suite.critical for suite in self.suites)

    def worst(self, count: int = 10) -> list[Entry]:
        """The entries furthest off, surest first among equals; one per company and metric."""
        seen: set[tuple[int, str]] = set()
        worst = []
        for entry in sorted(self.entries, key=lambda e: (-_magnitude(e), -e.confidence)):
            key = (entry.fact.identity.cik, entry.fact.identity.tag)
            if key not in seen and not entry.used:
                seen.add(key)
                worst.append(entry)
        return worst[:count]


def as_metrics(summary: Summary) -> dict[str, Any]:
    """The summary for DVC, MLflow and Prefect: flat counts first, then the worst cases."""
    truth = summary.truth
    return {
        "fit": summary.fit,
        "facts_in": summary.facts_in,
        "companies": summary.companies,
        "accepted": summary.accepted,
        "set_aside": summary.set_aside,
        "reviewed": sum(entry.review is not None for entry in summary.entries),
        "unmatched_reviews": summary.unmatched_reviews,
        "reasons": summary.reasons,
        "duplicates": summary.duplicated,
        "planted": None
        if truth is None
        else {
            "errors": truth.planted,
            "recall": round(truth.recall, 4),
            "precision": round(truth.precision, 4),
            "right_factor": round(truth.mended / truth.caught, 4) if truth.caught else 1.0,
        },
        "suites": {
            suite.suite: {
                "expectations": suite.expectations,
                "critical_failures": len(suite.critical),
                "warnings": len(suite.warnings),
            }
            for suite in summary.suites
        },
        "worst": [
            {
                "fact": str(entry.fact.identity),
                "company": entry.fact.company,
                "value": entry.fact.value,
                "suggested_value": _text(entry.suggested_value),
                "reason": entry.reason,
                "confidence": round(entry.confidence, 4),
                "link": entry.link,
            }
            for entry in summary.worst()
        ],
    }


def as_numbers(summary: Summary) -> dict[str, float]:
    """The summary's counts under names that MLflow takes."""
    numbers: dict[str, float] = {
        "fit": float(summary.fit),
        "facts_in": summary.facts_in,
        "companies": summary.companies,
        "accepted": summary.accepted,
        "set_aside": summary.set_aside,
        "duplicates": len(summary.duplicates),
        "critical_failures": sum(len(suite.critical) for suite in summary.suites),
        "warnings": sum(len(suite.warnings) for suite in summary.suites),
    }
    for reason, count in summary.reasons.items():
        numbers[f"set aside/{reason.replace(',', '')}"] = count
    if summary.truth is not None:
        numbers["planted_recall"] = summary.truth.recall
        numbers["planted_precision"] = summary.truth.precision
    return numbers


def _magnitude(entry: Entry) -> float:
    return abs(entry.factor.adjusted()) if entry.factor is not None else 0.0


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value.normalize(), "f")
