"""What a flow run leaves to be read on its page in Prefect: tables, and links to the pages."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from flows.workspace import metrics_table

RESULT_TABLE = Path("reports/evaluation/table.md")
QUALITY = Path("reports/validate.json")
PROMOTION = Path("reports/promote.json")
PAGES = {
    "data-docs": (
        Path("reports/data_docs/index.html"),
        "Data Docs: what was expected of the facts",
    ),
    "quality-report": (Path("reports/data_quality.html"), "What was wrong with the filings"),
    "evaluation-report": (Path("reports/evaluation.html"), "What the model is worth"),
}


def publish(root: Path, pages_url: str = "", mlflow_url: str = "") -> None:
    """Leave the result, the state of the data and links to the pages as artifacts.

    `pages_url` is where the folder reports/ is served; without one, links lead to files of this
    machine. `mlflow_url` is MLflow's address, where it has one.
    """
    table = root / RESULT_TABLE
    text = table.read_text() if table.is_file() else ""
    create_markdown_artifact(
        key="result",
        markdown=f"{text}{_promotion(root)}\n\n### Metrics\n\n{metrics_table(root)}".strip(),
        description="Result table, decision of the gate and metrics of the last run",
    )
    if (root / QUALITY).is_file():
        create_markdown_artifact(
            key="data-quality",
            markdown=quality_summary(json.loads((root / QUALITY).read_text())),
            description="Facts in, accepted and quarantined by reason; the worst cases",
        )
    for key, (page, says) in PAGES.items():
        if (root / page).is_file():
            link = _address(root / page, root / "reports", pages_url)
            create_link_artifact(key=key, link=link, link_text=says)
    if mlflow_url.startswith("http") and (root / PROMOTION).is_file():
        decided = json.loads((root / PROMOTION).read_text())
        name, number = decided["model"], decided["version"]
        create_link_artifact(
            key="registered-model",
            link=f"{mlflow_url.rstrip('/')}/#/models/{name}/versions/{number}",
            link_text=f"{name} version {number} in MLflow's registry",
        )


def quality_summary(quality: dict[str, Any]) -> str:
    """reports/validate.json as Markdown: facts in, accepted, set aside by reason; the worst."""
    rows = [
        ("facts in", quality["facts_in"]),
        ("accepted", quality["accepted"]),
        ("quarantined", quality["set_aside"]),
        *((f"· {reason}", count) for reason, count in quality["reasons"].items()),
    ]
    lines = ["| | facts |", "| --- | ---: |", *(f"| {name} | {count:,} |" for name, count in rows)]
    suites = [
        f"- {name}: {suite['expectations']} expectations, {suite['critical_failures']} critical "
        f"failures, {suite['warnings']} warnings"
        for name, suite in quality["suites"].items()
    ]
    verdict = "fit to train on" if quality["fit"] else "**not fit to train on**"
    head = f"Of {quality['companies']:,} companies; what is left is {verdict}."
    return "\n".join([head, "", *lines, "", *suites, *_worst(quality["worst"])])


def _worst(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of the facts furthest off, each with a link to its filing."""
    if not cases:
        return []
    rows = [
        f"| {case['company']} | {_cell(case['fact'])} | {case['value']} | "
        f"{case['suggested_value'] or ''} | {case['reason']} | [filing]({case['link']}) |"
        for case in cases
    ]
    head = (
        "| company | fact | value | suggested | reason | |\n| --- | --- | ---: | ---: | --- | --- |"
    )
    return ["", "### The worst cases", "", head, *rows]


def _cell(text: str) -> str:
    """Text within a table of Markdown, where a bar would end the cell."""
    return text.replace("|", "\\|")


def _promotion(root: Path) -> str:
    if not (root / PROMOTION).is_file():
        return ""
    decided = json.loads((root / PROMOTION).read_text())
    return (
        f"\n\n### Promotion\n\n{decided['model']} version {decided['version']} against "
        f"{decided['incumbent']}: **{decided['alias']}**. {decided.get('reason', '')}"
    )


def _address(page: Path, reports: Path, pages_url: str) -> str:
    if pages_url:
        return f"{pages_url.rstrip('/')}/{page.relative_to(reports)}"
    return page.resolve().as_uri()
