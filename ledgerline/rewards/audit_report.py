"""The audit on paper: JSON for machines; a table, HTML and a plot for people."""

from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from ledgerline.durable import replacing_file
from ledgerline.rewards.audit import Audit, Row
from ledgerline.rewards.degenerate import HONEST
from ledgerline.rewards.payoffs import break_even

_DUE = (1.0, 0.9, 0.75, 0.5)
_GOOD, _BAD, _QUIET = "#2a7f62", "#b5452c", "#8a8f98"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2129; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e3e5e8; }
th { font-weight: 600; color: #555b66; } td.n, th.n { text-align: right; }
tr.honest td { font-weight: 600; background: #eef6f2; } tr.near td { background: #fbeeea; }
.verdict { padding: .7rem 1rem; border-left: 4px solid; background: #f6f7f8; }
.good { border-color: #2a7f62; } .bad { border-color: #b5452c; }
img { max-width: 100%; } small { color: #555b66; }
"""


def as_json(audit: Audit) -> dict[str, Any]:
    """All of the audit that a later stage, a plot or a diff may want; short, rounded numbers."""
    groups = audit.groups
    honest, *others = audit.rows
    closest = min(others, key=lambda row: row.gap, default=honest)
    return {
        "passed": not audit.faults,
        "honest_reward": round(honest.mean, 4),
        "smallest_lead": round(closest.gap, 4),
        "closest_policy": closest.policy,
        "predicts": groups.predicts,
        "group_drift": round(groups.drift, 4),
        "average_lead_of_trying": round(groups.average_reward, 4),
        "none_due": {name: round(value, 4) for name, value in asdict(groups.none_due).items()},
        "base_observed": groups.observed,
        "break_even": {f"due {due:.0%}": round(break_even(groups.payoffs, due), 3) for due in _DUE},
        "payoffs": {name: round(value, 4) for name, value in asdict(groups.payoffs).items()},
        "groups": [
            {
                "pass_rate": group.pass_rate,
                "share": round(group.share, 4),
                "drift": round(group.drift, 4),
                "favours": group.favours,
            }
            for group in groups.groups
        ],
        "policies": {
            row.policy: {
                "reward": round(row.mean, 4),
                "low": round(row.low, 4),
                "high": round(row.high, 4),
                "when_due": round(row.when_due, 4),
                "when_not_due": round(row.when_not_due, 4),
                "lead": round(row.gap, 4),
            }
            for row in audit.rows
        },
        "dead_terms": dict(audit.dead),
        "faults": list(audit.faults),
        "remedies": list(audit.remedies),
        "weights": dict(audit.weights),
    }


def plot(audit: Audit, path: Path) -> None:
    """Write a PNG: each policy's reward, and what groups of each pass rate reinforce."""
    mpl.rcParams["font.size"] = 9
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _plot_rewards(left, audit)
    _plot_groups(right, audit)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})


def _plot_rewards(axes: Axes, audit: Audit) -> None:
    rows = sorted(audit.rows, key=lambda row: row.mean)
    limit = audit.rows[0].mean - audit.margin
    colours = [
        _GOOD if row.policy == HONEST else _BAD if _is_near(audit, row) else _QUIET for row in rows
    ]
    errors = [[row.mean - row.low for row in rows], [row.high - row.mean for row in rows]]
    axes.barh([row.policy for row in rows], [row.mean for row in rows], xerr=errors, color=colours)
    axes.axvline(limit, color=_GOOD, linestyle="--", linewidth=1)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title("Reward an episode (95 %); dashed: honest less the margin", loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _plot_groups(axes: Axes, audit: Audit) -> None:
    groups, other = audit.groups.groups, audit.groups.none_due
    steps = len(groups) - 1
    labels = [f"{number}/{steps}\n{group.share:.0%}" for number, group in enumerate(groups)]
    colours = [_GOOD if group.drift >= 0 else _BAD for group in groups]
    axes.bar(labels, [group.drift for group in groups], color=colours)
    # There silence is right; what matters is how much of it the other prompts feel.
    axes.bar(f"none\n{other.share:.0%}", other.drift, color=_QUIET)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("pass rate of the base; share of prompts")
    axes.set_title("Pull towards trying, by group", loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def html(audit: Audit, plot_name: str) -> str:
    """One page; `plot_name` is the plot's file beside it."""
    groups = audit.groups
    verdict = (
        f"No degenerate policy comes within {audit.margin:g} of the honest expert, and groups "
        "reinforce trying."
        if not audit.faults
        else "<br>".join(escape(fault[0].upper() + fault[1:] + ".") for fault in audit.faults)
    )
    remedies = "".join(f"<li>{escape(remedy)}</li>" for remedy in audit.remedies)
    known = "as observed" if groups.observed else "assumed (see audit.groups in params.yaml)"
    weights = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{weight:+g}</td></tr>"
        for name, weight in audit.weights.items()
    )
    sections = [
        f"<h1>Audit of the reward</h1><p class='verdict {'bad' if audit.faults else 'good'}'>"
        f"{verdict}</p>",
        f"<h2>What would mend it</h2><ul>{remedies}</ul>" if remedies else "",
        f"<img src='{escape(plot_name)}' alt='Rewards by policy; advantages by group'>",
        "<h2>Policies, played through the real environment</h2>" + _policies(audit),
        f"<p>{_ungraded(audit)}</p>" if audit.ungraded else "",
        "<h2>Groups</h2><p>GRPO compares within the rollouts of one prompt. "
        f"{escape(_pull(audit))} "
        f"The base policy's pass rates are {known}.</p>" + _groups(audit),
        f"<h2>Break-even</h2><p>Answering pays from a confidence of {_even(audit)}.</p>",
        f"<h2>Dead terms</h2><p>{escape(_dead(audit))}.</p>",
        f"<h2>Weights</h2><table>{weights}</table>",
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Audit of the reward</title>"
        f"<style>{_STYLE}</style><body>{''.join(sections)}</body></html>\n"
    )


def show(audit: Audit, console: Console) -> None:
    """Print what every policy earns, where groups pull, the break-even and the dead terms."""
    table = Table("policy", "reward", "95 %", "figure due", "none due", "honest lead")
    for row in sorted(audit.rows, key=lambda row: -row.mean):
        table.add_row(
            row.policy,
            f"{row.mean:+.2f}",
            f"{row.low:+.2f} … {row.high:+.2f}",
            f"{row.when_due:+.2f}",
            f"{row.when_not_due:+.2f}",
            f"{row.gap:.2f}",
            style="bold green" if row.policy == HONEST else "red" if _is_near(audit, row) else "",
        )
    console.print(table)
    if audit.ungraded:
        console.print(_ungraded(audit), highlight=False, soft_wrap=True)
    for line in (
        _pull(audit),
        f"Answering pays from a confidence of {_even(audit)}.",
        f"Dead terms: {_dead(audit)}.",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _is_near(audit: Audit, row: Row) -> bool:
    return row.policy != HONEST and row.gap_low < audit.margin


def _ungraded(audit: Audit) -> str:
    examples = "example" if audit.ungraded == 1 else "examples"
    return f"Left out, since a tool or the judge failed: {audit.ungraded} {examples}."


def _pull(audit: Audit) -> str:
    groups, other = audit.groups, audit.groups.none_due
    return (
        f"Where a figure is due, trying pays {groups.average_reward:+.2f} more than silence "
        f"at once on average; advantages within groups pull towards {groups.predicts} "
        f"({groups.drift:+.3f}): "
        f"{groups.own:+.3f} where a figure is due, {other.drift:+.3f} in the {other.share:.0%} of "
        f"prompts where none is, of which the others feel {other.alike:.0%}, since the base does "
        "as much the same on both."
    )


def _even(audit: Audit) -> str:
    return ", ".join(
        f"{break_even(audit.groups.payoffs, due):.0%} where a figure is due with probability "
        f"{due:.0%}"
        for due in _DUE
    )


def _dead(audit: Audit) -> str:
    return (
        "; ".join(f"{name}: {why}" for name, why in audit.dead.items())
        or "none; each was paid to some policy and not to another"
    )


def _policies(audit: Audit) -> str:
    def line(row: Row) -> str:
        kind = "honest" if row.policy == HONEST else "near" if _is_near(audit, row) else ""
        return (
            f"<tr class='{kind}'><td>{escape(row.policy)}</td><td class=n>{row.mean:+.2f}</td>"
            f"<td class=n>{row.low:+.2f} … {row.high:+.2f}</td><td class=n>{row.when_due:+.2f}</td>"
            f"<td class=n>{row.when_not_due:+.2f}</td><td class=n>{row.gap:.2f}</td></tr>"
        )

    rows = sorted(audit.rows, key=lambda row: -row.mean)
    return (
        "<table><tr><th>Policy</th><th class=n>Reward</th><th class=n>95 %</th>"
        "<th class=n>Figure due</th><th class=n>None due</th><th class=n>Honest lead</th></tr>"
        + "".join(map(line, rows))
        + "</table>"
    )


def _groups(audit: Audit) -> str:
    lines = "".join(
        f"<tr><td>{group.pass_rate:.3g}</td><td class=n>{group.share:.1%}</td>"
        f"<td class=n>{group.try_reward:+.2f}</td><td class=n>{group.silent_reward:+.2f}</td>"
        f"<td class=n>{group.drift:+.3f}</td><td>{group.favours}</td></tr>"
        for group in audit.groups.groups
    )
    other, payoffs = audit.groups.none_due, audit.groups.payoffs
    favours = "silence" if other.drift < 0 else "trying"
    lines += (
        f"<tr><td>none due</td><td class=n>{other.share:.1%} of all</td>"
        f"<td class=n>{payoffs.uncalled:+.2f}</td><td class=n>{payoffs.quiet:+.2f}</td>"
        f"<td class=n>{other.drift:+.3f}</td><td>{favours}</td></tr>"
    )
    return (
        "<table><tr><th>Pass rate</th><th class=n>Prompts</th><th class=n>Trying pays</th>"
        "<th class=n>Silence at once pays</th><th class=n>Pull to trying</th><th>Favours</th></tr>"
        f"{lines}</table>"
    )
