"""Nightly: take in what was filed, look whether it is clean, and stop when nothing is new."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, State

from flows.pipeline import HERE
from flows.steps import bring_up_to_date, keep_lock
from flows.workspace import output_hashes

CLEAN = "data/clean/facts.sqlite"
STAGES = ("ingest", "validate")


@flow(name="ledgerline-refresh", flow_run_name="refresh")
def refresh(
    root: Path = HERE,
    stages: tuple[str, ...] = STAGES,
    out: str = CLEAN,
    stage_hours: float = 6.0,
    retry_seconds: float = 60.0,
    record: bool = True,
) -> State:
    """Run ingest although its inputs look unchanged (filings arrive outside), then validate.

    Ends in "Unchanged" when the clean facts are the same as before, else in "Refreshed";
    a failed validation fails the run, and nothing downstream sees the facts.
    """
    before = output_hashes(root).get(out)
    bring_up_to_date(root, stages, stage_hours, retry_seconds, force=stages[:1])
    after = output_hashes(root).get(out)
    changed = before != after
    if changed and record:
        keep_lock(root)
    text = "New facts passed validation." if changed else "Nothing new was filed."
    get_run_logger().info(text)
    create_markdown_artifact(key="refresh", markdown=f"{text}\n\n`{out}`: `{before}` → `{after}`")
    return Completed(name="Refreshed" if changed else "Unchanged", message=text)


if __name__ == "__main__":
    refresh()
