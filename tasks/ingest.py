"""Stage ingest: raw facts from the sources that params name."""

from pathlib import Path

import orjson

from ledgerline.durable import write_bytes
from ledgerline.filings.edgar import EdgarUnreachableError
from ledgerline.filings.ingest import IngestSettings, ingest
from tasks.params import Params
from tasks.stage import TransportError, run_stage

STORE = Path("data/raw/facts.sqlite")
REPORT = Path("reports/ingest.json")


class IngestParams(Params):
    """What the stage reads of params.yaml."""

    ingest: IngestSettings


def main(params: IngestParams) -> None:
    """Read the sources into the raw store and report what came and what was set aside."""
    try:
        result = ingest(params.ingest, STORE)
    except EdgarUnreachableError as error:
        raise TransportError(str(error)) from error
    report = {
        "companies": sum(result.companies.values()),
        "companies_by_source": dict(sorted(result.companies.items())),
        "facts": result.facts,
        "repeated": result.repeated,
        "planted_errors": result.planted,
        "rows_set_aside": sum(result.rows_aside.values()),
        "rows_set_aside_by_reason": dict(sorted(result.rows_aside.items())),
        "files_set_aside": len(result.files_aside),
        "files_set_aside_by_reason": dict(sorted(result.files_aside.items())),
    }
    write_bytes(REPORT, orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    print(
        f"{report['companies']:,} companies, {result.facts:,} facts; set aside: "
        f"{report['rows_set_aside']:,} rows, {report['files_set_aside']:,} files"
    )
    for origin, reason in sorted(result.files_aside.items()):
        print(f"  {origin}: {reason}")


if __name__ == "__main__":
    run_stage("ingest", IngestParams, main)
