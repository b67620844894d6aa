"""Results as people read them: a table of slices, and completions in full."""

from collections.abc import Sequence
from math import isnan

from rich.markup import escape
from rich.table import Table

from ledgerline.evaluation.evaluate import BASE, TRAINED, EvaluateSettings, Evidence
from ledgerline.evaluation.metrics import CROSSED, MAIN, USUAL, Comparison, Measures, is_holdout
from ledgerline.evaluation.records import Record
from ledgerline.evaluation.statistics import Interval

_ARROW = " → "


def percent(value: float) -> str:
    """ "81.3 %", or a dash for what isn't known."""
    return "–" if value != value else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"  # noqa: PLR0124 (NaN)


def with_interval(interval: Interval) -> str:
    """ "81.3 % (78.9–83.5)"."""
    if not interval.trials:
        return "–"
    return f"{percent(interval.value)} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def probability(p_value: float) -> str:
    """ "p = 0.031" or "p < 1e-15"."""
    return "p < 1e-15" if p_value < 1e-15 else f"p = {p_value:.2g}"


def policy_rows(evidence: Evidence, part: str) -> list[list[str]]:
    """A row for each policy on the slice `part`: what `POLICY_COLUMNS` names."""
    return [
        [
            name,
            str(row.examples),
            with_interval(row.accuracy),
            percent(row.accuracy_when_due.value),
            f"{percent(row.wrong_shown.value)} (≤ {percent(row.wrong_shown_bound)})",
            percent(row.silence_recall.value),
            percent(row.made_up.value),
            f"{row.turns:.1f}",
            _milliseconds(row),
            _dollars(row.cost_per_1000_shown),
        ]
        for name, measures in evidence.measures.items()
        if (row := measures.get(part)) is not None
    ]


POLICY_COLUMNS = [
    "policy",
    "examples",
    "right (95 %)",
    "right of due",
    "wrong of shown",
    "silent of none due",
    "made up",
    "turns",
    "p50 / p95 ms",
    "$ per 1,000",
]


def cost_note(settings: EvaluateSettings) -> str:
    """What the column of dollars rests on."""
    return (
        "$ per 1,000 completions shown: a prompted model's tokens at its price, else the machine's "
        f"time at ${settings.dollars_per_hour:.2f} an hour, which is an assumption "
        "(evaluate.dollars_per_hour in params.yaml), not a bill."
    )


def telling_slices(evidence: Evidence, settings: EvaluateSettings) -> list[str]:
    """The slices for a short table: the main ones, the kinds that are harder than usual, and more.

    Of the `settings.shown_slices` more each hold-out alone comes first, then those where most
    examples changed between base and trained, on balance.
    """
    comparisons = evidence.comparisons.get(TRAINED, {})
    harder = [f"kind: {kind}" for kind in sorted(settings.harder_kinds)]
    first = [name for name in (*MAIN, *harder) if name in comparisons]
    rest = [name for name in comparisons if name not in first]
    alone = [name for name in rest if is_holdout(name) and "+" not in name]
    others = sorted(
        (name for name in rest if name not in alone),
        key=lambda name: -abs(comparisons[name].gained - comparisons[name].lost),
    )
    return first + (alone + others)[: settings.shown_slices]


def slice_rows(evidence: Evidence, names: Sequence[str] | None = None) -> list[list[str]]:
    """A row for each slice (of `names`): base against trained, what `SLICE_COLUMNS` names."""
    rows = []
    comparisons = evidence.comparisons.get(TRAINED, {})
    for name in comparisons if names is None else names:
        comparison = comparisons[name]
        trained = evidence.measures[TRAINED][name]
        base = evidence.measures[BASE][name]
        rows.append(
            [
                name,
                str(comparison.pairs),
                percent(comparison.incumbent),
                percent(comparison.candidate),
                _difference(comparison),
                probability(comparison.p_value),
                percent(base.wrong_shown.value) + _ARROW + percent(trained.wrong_shown.value),
                percent(base.silence_recall.value) + _ARROW + percent(trained.silence_recall.value),
                f"{base.turns:.1f}{_ARROW}{trained.turns:.1f}",
            ]
        )
    return rows


SLICE_COLUMNS = [
    "slice",
    "pairs",
    "base",
    "trained",
    "difference (95 %)",
    "McNemar",
    "wrong of shown",
    "silent of none due",
    "turns",
]


def rich_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The rows as a table for the terminal."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(
            *(escape(cell) for cell in row), style="bold" if row[0] in {TRAINED, CROSSED} else None
        )
    return table


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows as Markdown."""
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def headline(evidence: Evidence) -> str:
    """Base → trained on the slice where everything is new, with McNemar's test, and on the usual
    kinds of it; and what these come to if only sure answers are shown."""
    parts = evidence.comparisons.get(TRAINED, {})
    comparison = parts.get(CROSSED) or next(iter(parts.values()), None)
    if comparison is None:
        return "base and trained policy were not both played"
    usual = parts.get(USUAL)
    of_usual = (
        f" Of the {usual.pairs} of usual kinds the trained policy is right on "
        f"{percent(usual.candidate)}, the base policy on {percent(usual.incumbent)}."
        if usual
        else ""
    )
    shown = evidence.sure.get(TRAINED)
    if shown:
        of_usual += (
            f" If only answers from a confidence of {evidence.sure_from:g} on are shown: "
            f"right on {percent(shown.accuracy.value)}, {percent(shown.wrong_shown.value)} wrong "
            f"of shown, silent on {percent(shown.silence_recall.value)} where none is due."
        )
    return (
        f"On {comparison.pairs} examples of “{comparison.slice}” the trained policy is right on "
        f"{percent(comparison.candidate)}, the base policy on {percent(comparison.incumbent)}: "
        f"{comparison.gained} gained, {comparison.lost} lost, McNemar's exact "
        f"{probability(comparison.p_value)}.{of_usual}"
    )


def completion_text(record: Record) -> str:
    """One rollout in full: prompt, calls with their results, completion, accession."""
    transcript = record.transcript
    lines = [f"[{record.example_id}] {record.kind}, {', '.join(record.holdouts) or 'nothing'} new"]
    lines.append(f"  prompt      {transcript['prompt']}▏")
    for turn in transcript["turns"]:
        lines.append(f"  call        {_call(turn)}")
        lines.append(f"  result      {turn['result'] or turn['problem'] or ''}")
    lines.append(f"  completion  {record.answer or f'({record.outcome})'}")
    lines.append(f"  expected    {record.expected or '(nothing)'}   accession {accession(record)}")
    lines.append(f"  verdict     {'right' if record.right else 'wrong'} {record.why}".rstrip())
    return "\n".join(lines)


def accession(record: Record) -> str:
    """The filing behind what was completed: the last one found, else the expected one."""
    found = [entry for entry in record.transcript["evidence"] if entry.get("hit")]
    return str(found[-1]["accession"]) if found else record.accession or "–"


def spread(records: Sequence[Record], number: int) -> list[Record]:
    """`number` records that show the kinds in turn, those of due figures first."""
    by_kind: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (not record.due, record.example_id)):
        by_kind.setdefault(record.kind, []).append(record)
    chosen: list[Record] = []
    depth = 0
    while len(chosen) < min(number, len(records)):
        chosen += [rows[depth] for rows in by_kind.values() if depth < len(rows)]
        depth += 1
    return chosen[:number]


def _call(turn: dict[str, object]) -> str:
    if turn["tool"] is None:
        return str(turn["text"])
    arguments = turn["arguments"]
    if not isinstance(arguments, dict):
        return str(turn["text"])
    inside = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{turn['tool']}({inside})"


def _difference(comparison: Comparison) -> str:
    interval = comparison.difference
    if not interval.trials:
        return "–"
    points = (100 * interval.value, 100 * interval.low, 100 * interval.high)
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*points)


def _dollars(value: float) -> str:
    """ "$12.34", "$0.0023": cents where there are some, else two digits that say something.

    NaN is a dash.
    """
    if isnan(value):
        return "–"
    if 0 < value < 0.0001:
        return "< $0.0001"
    return f"${value:.2f}" if value >= 0.1 or not value else f"${value:.2g}"


def _milliseconds(row: Measures) -> str:
    if row.seconds_p50 != row.seconds_p50:
        return "–"
    return f"{1000 * row.seconds_p50:.0f} / {1000 * row.seconds_p95:.0f}"
