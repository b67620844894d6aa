"""The evaluation as one self-contained page that leads with the answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ledgerline.evaluation.calibration import Calibration, calibration, risk_coverage
from ledgerline.evaluation.charts import interval_chart, reliability_chart, risk_coverage_chart
from ledgerline.evaluation.evaluate import BASE, TRAINED, EvaluateSettings, Evidence
from ledgerline.evaluation.hacks import look_for_hacks
from ledgerline.evaluation.metrics import ALL, CROSSED, Measures
from ledgerline.evaluation.records import SUITE, TEST, Record
from ledgerline.evaluation.statistics import clopper_pearson
from ledgerline.evaluation.tables import (
    POLICY_COLUMNS,
    SLICE_COLUMNS,
    completion_text,
    headline,
    percent,
    policy_rows,
    slice_rows,
    spread,
    telling_slices,
    with_interval,
)

_TAIL = 90
_BINS = 10


def report(
    evidence: Evidence,
    settings: EvaluateSettings,
    wrong_limit: float,
    notes: Sequence[str],
    provenance: Mapping[str, str],
) -> str:
    """The page as HTML. `notes` say what was left out; `provenance` where it all comes from."""
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
        Path(__file__).with_name("report.html.jinja").read_text()
    )
    part = CROSSED if CROSSED in evidence.measures[TRAINED] else ALL
    names = _order(evidence)
    test = {name: [row for row in evidence.records[name] if row.split == TEST] for name in names}
    confidence = settings.uncertainty.confidence
    hacks = {name: look_for_hacks(test[name]) for name in names if name in {BASE, TRAINED}}
    calibrated = {name: calibration(test[name], _BINS, confidence) for name in names}
    return template.render(
        answer=_answer(evidence, part),
        headline=headline(evidence),
        best_baseline=_best_baseline(evidence, part),
        figures=_figures(evidence),
        crossed_chart=_interval_chart(evidence, names, part),
        crossed_caption=f"Right, on “{part}”: nothing in these prompts was seen in training.",
        all_chart=_interval_chart(evidence, names, ALL),
        all_caption="Right, on the whole test set.",
        table=_table,
        policy_columns=POLICY_COLUMNS,
        policy_rows=policy_rows(evidence, ALL),
        slice_columns=SLICE_COLUMNS,
        telling_rows=slice_rows(evidence, telling_slices(evidence, settings)),
        slice_rows=slice_rows(evidence),
        notes=notes,
        threshold_text=_threshold_text(evidence, wrong_limit),
        risk_chart=Markup(  # noqa: S704 (our own markup)
            risk_coverage_chart(
                [
                    (name, risk_coverage(test[name], confidence), index)
                    for index, name in enumerate(names)
                ]
            )
        ),
        reliability_chart=Markup(  # noqa: S704
            reliability_chart([(name, calibrated[name], index) for index, name in enumerate(names)])
        ),
        calibration_text=_calibration_text(calibrated),
        hack_columns=["pattern", "what it is", *hacks],
        hack_rows=[
            [
                findings[0].name,
                findings[0].meaning,
                *(f"{one.count} ({percent(one.count / max(1, one.total))})" for one in findings),
            ]
            for findings in zip(*hacks.values(), strict=True)
        ],
        hack_examples=[
            {"name": finding.name, "text": completion_text(finding.example)}
            for finding in hacks.get(TRAINED, [])
            if finding.example is not None
        ],
        suite_columns=[
            "suite",
            "policy",
            "prompts",
            "wrong shown, all answers",
            "wrong shown, served",
        ],
        suite_rows=_suite_rows(evidence, names),
        latency_columns=["policy", "p50 ms", "p95 ms", "p99 ms", "tokens"],
        latency_rows=[_latency_row(evidence.measures[name][ALL]) for name in names],
        rollouts=[_rollout(row) for row in chosen_rollouts(test[TRAINED], settings)],
        provenance=provenance,
    )


def chosen_rollouts(records: Sequence[Record], settings: EvaluateSettings) -> list[Record]:
    """Rollouts to read: failures of every kind first, then successes."""
    failed = spread([row for row in records if not row.right], settings.failures)
    right = spread([row for row in records if row.right], settings.read - len(failed))
    return failed + right


def _order(evidence: Evidence) -> list[str]:
    first = [name for name in (BASE, TRAINED) if name in evidence.measures]
    return first + [name for name in evidence.measures if name not in first]


def _baselines(evidence: Evidence) -> list[str]:
    return [name for name in evidence.measures if name not in {BASE, TRAINED}]


def _answer(evidence: Evidence, part: str) -> str:
    shares = [
        f"{name} {percent(evidence.measures[name][part].accuracy.value)}"
        for name in (BASE, TRAINED)
        if name in evidence.measures
    ]
    best = _best(evidence, part)
    if best:
        shares.append(
            f"best baseline ({best}) {percent(evidence.measures[best][part].accuracy.value)}"
        )
    return (
        f"Right on “{part}”: "
        + " → ".join(shares[:2])
        + (f"; {shares[2]}." if len(shares) > 2 else ".")
    )


def _best(evidence: Evidence, part: str) -> str | None:
    def right(name: str) -> float:
        return evidence.measures[name][part].accuracy.value

    return max(_baselines(evidence), key=right, default=None)


def _best_baseline(evidence: Evidence, part: str) -> str:
    best = _best(evidence, part)
    if best is None:
        return ""
    measures = evidence.measures[best][part]
    return (
        f"The best baseline, {best}, is right on {with_interval(measures.accuracy)} and shows a "
        f"wrong figure in {percent(measures.wrong_shown.value)} of what it shows."
    )


def _figures(evidence: Evidence) -> list[tuple[str, str]]:
    trained = evidence.measures[TRAINED][ALL]
    return [
        (percent(trained.accuracy.value), f"right, all {trained.examples} test examples"),
        (
            percent(trained.wrong_shown.value),
            f"of shown figures wrong (at most {percent(trained.wrong_shown_bound)})",
        ),
        (percent(trained.coverage.value), "of due figures answered"),
        (percent(trained.silence_recall.value), "silent where none is due"),
        (
            f"{1000 * trained.seconds_p50:.0f} ms",
            f"median; p95 {1000 * trained.seconds_p95:.0f} ms",
        ),
    ]


def _interval_chart(evidence: Evidence, names: Sequence[str], part: str) -> Markup:
    rows = [
        (name, evidence.measures[name][part].accuracy)
        for name in names
        if part in evidence.measures[name]
    ]
    return Markup(interval_chart(rows))  # noqa: S704


def _threshold_text(evidence: Evidence, wrong_limit: float) -> str:
    threshold = evidence.thresholds.get(TRAINED)
    if threshold is None:
        return (
            f"No confidence threshold certifies, on validation, at most {percent(wrong_limit)} "
            "wrong among shown; a policy that keeps that promise would show nothing yet."
        )
    served = evidence.served[TRAINED]
    return (
        f"Shown from a confidence of {threshold:.3f}, chosen on validation to keep wrong figures "
        f"to {percent(wrong_limit)}: on the test set {percent(served.coverage.value)} of due "
        f"figures are shown, of which {percent(served.wrong_shown.value)} are wrong "
        f"(at most {percent(served.wrong_shown_bound)})."
    )


def _calibration_text(calibrated: Mapping[str, Calibration]) -> str:
    """How far confidence is off on average, of everybody who answered something."""
    errors = [
        f"{name} {percent(curve.error)} (Brier {curve.brier:.2f})"
        for name, curve in calibrated.items()
        if curve.bins
    ]
    return f"Off on average by: {', '.join(errors)}." if errors else ""


def _suite_rows(evidence: Evidence, names: Sequence[str]) -> list[list[str]]:
    rows = []
    for name in names:
        threshold = evidence.thresholds[name]
        suites = [row for row in evidence.records[name] if row.split == SUITE]
        for kind in sorted({row.kind for row in suites}):
            asked = [row for row in suites if row.kind == kind]
            shown = [row.served(float("inf") if threshold is None else threshold) for row in asked]
            raw, kept = (sum(row.wrong_shown for row in group) for group in (asked, shown))
            rows.append(
                [
                    kind,
                    name,
                    str(len(asked)),
                    f"{raw} ({percent(clopper_pearson(raw, len(asked), 0.95).value)})",
                    str(kept) if threshold is not None else "nothing is shown",
                ]
            )
    return sorted(rows)


def _latency_row(measures: Measures) -> list[str]:
    times = (measures.seconds_p50, measures.seconds_p95, measures.seconds_p99)
    shown = ["–" if second != second else f"{1000 * second:.1f}" for second in times]  # noqa: PLR0124
    return [measures.policy, *shown, f"{measures.tokens:.0f}"]


def _rollout(record: Record) -> dict[str, Any]:
    prompt = record.transcript["prompt"]
    return {
        "right": record.right,
        "kind": record.kind,
        "tail": prompt[-_TAIL:],
        "answer": record.answer or f"({record.outcome})",
        "text": completion_text(record),
    }


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()
) -> Markup:
    head = "".join(
        f"<th{' class=words' if index in words else ''}>{escape(column)}</th>"
        for index, column in enumerate(columns)
    )
    body = "".join(
        f"<tr{' class=strong' if row[0] in {TRAINED, CROSSED} else ''}>"
        + "".join(
            f"<td{' class=words' if index in words else ''}>{escape(cell)}</td>"
            for index, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return Markup(  # noqa: S704 (cells are escaped)
        f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
    )
