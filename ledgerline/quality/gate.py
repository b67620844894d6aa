"""Great Expectations as gate and as report: suites run as checkpoints, Data Docs written."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from ledgerline import durable
from ledgerline.errors import LedgerlineError
from ledgerline.quality.data_docs import make_self_contained
from ledgerline.quality.outcome import Failure, SuiteResult


@dataclass(frozen=True)
class Subject:
    """A table to check. `suite` is called once Great Expectations may be imported."""

    url: str
    table: str
    suite: Callable[[], Any]


def run_suites(
    subjects: Sequence[Subject], docs: Path | None, report: str = ""
) -> list[SuiteResult]:
    """Run one checkpoint per subject and write one Data Docs site over all of them to `docs`.

    The site holds one page a suite and one a result, whatever the number of facts: results
    are kept as summaries. Its index links to `report`, the page with the worst cases.
    """
    if docs is None:
        return _run(subjects, None)
    with durable.replacing_directory(docs) as site:
        results = _run(subjects, site)
        make_self_contained(site, results, report)
        return results


FACTS_ADVICE = "mend the source, or decide on the facts with `ledgerline quarantine`"


def block(results: Sequence[SuiteResult], report: Path | str, advice: str = FACTS_ADVICE) -> None:
    """Raise for the first critical failure; warnings pass. `advice` says what can be done.

    Raises:
        LedgerlineError: names the suite, the expectation, three rows and the report.
    """
    for result in results:
        for failure in result.critical:
            rows = "".join(
                "\n  " + ", ".join(f"{key}={value}" for key, value in row.items())
                for row in failure.examples
            )
            others = sum(len(r.critical) for r in results) - 1
            more = f"\n{others} more critical expectations don't hold either." if others else ""
            raise LedgerlineError(
                f"the suite “{failure.suite}” does not hold: {failure.expectation} "
                f"{failure.count:,} rows break it{', such as' if rows else ''}{rows}{more}\n"
                f"Read {report}; {advice}."
            )


def load_expectations() -> None:
    """Import Great Expectations, for whoever has the seconds now that this takes."""
    # Telemetry must be off before the import.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations  # noqa: F401


def _run(subjects: Sequence[Subject], site: Path | None) -> list[SuiteResult]:
    load_expectations()
    import great_expectations as gx
    from great_expectations.checkpoint import UpdateDataDocsAction

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for name in list(context.variables.data_docs_sites or {}):
        context.delete_data_docs_site(name)
    actions = []
    if site is not None:
        context.add_data_docs_site(site_name="ledgerline", site_config=_site(site))
        actions = [UpdateDataDocsAction(name="docs", site_names=["ledgerline"])]
    results = []
    for subject in subjects:
        suite = context.suites.add(subject.suite())
        add = (
            context.data_sources.add_sqlite
            if subject.url.startswith("sqlite")
            else context.data_sources.add_postgres
        )
        asset = add(suite.name, connection_string=subject.url).add_table_asset(
            subject.table, table_name=subject.table
        )
        data = asset.add_batch_definition_whole_table("all rows")
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=suite.name, data=data, suite=suite)
        )
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=suite.name,
                validation_definitions=[definition],
                actions=actions,
                result_format={"result_format": "SUMMARY", "partial_unexpected_count": 20},
            )
        )
        named = gx.RunIdentifier(run_name=subject.table)
        (outcome,) = checkpoint.run(run_id=named).run_results.values()
        results.append(_result(subject, suite.name, outcome))
    return results


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.resolve()),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _result(subject: Subject, suite: str, outcome: Any) -> SuiteResult:
    failures = []
    for result in outcome.results:
        if result.success:
            continue
        config = result.expectation_config
        query = config.kwargs.get("unexpected_rows_query")
        found = dict(result.result or {})
        count = found.get("unexpected_count", found.get("observed_value", 0))
        failures.append(
            Failure(
                suite=suite,
                expectation=(config.description or config.type)
                + _trouble(result.exception_info or {}),
                critical=str(getattr(config.severity, "value", config.severity)) == "critical",
                count=count if isinstance(count, int) else 0,
                examples=_examples(subject, query) if query else (),
            )
        )
    return SuiteResult(suite, len(outcome.results), tuple(failures))


def _trouble(info: dict[str, Any]) -> str:
    """Why an expectation could not be checked, "" if it could.

    Great Expectations tells it flat, or once for each metric that failed.
    """
    for told in (info, *(value for value in info.values() if isinstance(value, dict))):
        if told.get("raised_exception"):
            return f" (It could not be checked: {told.get('exception_message')})"
    return ""


def _examples(subject: Subject, query: str) -> tuple[dict[str, Any], ...]:
    engine = create_engine(subject.url)
    try:
        with engine.connect() as connection:
            limited = f"SELECT * FROM ({query.replace('{batch}', subject.table)}) AS broken LIMIT 3"  # noqa: S608
            return tuple(dict(row) for row in connection.execute(text(limited)).mappings())
    finally:
        engine.dispose()
