"""Nightly: take in what was filed, look whether it is clean, and stop when nothing is new."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, State

from flows.pipeline import HERE, HOUR, output_hashes, publish, stage

CLEAN = "data/clean/facts.sqlite"
STAGES = ("ingest", "validate")


@flow(name="ledgerline-refresh", flow_run_name="refresh")
def refresh(
    root: Path = HERE, stages: tuple[str, ...] = STAGES, out: str = CLEAN, stage_hours: float = 6.0
) -> State:
    """Run ingest although its inputs look unchanged (filings arrive outside), then validate.

    Ends in "Unchanged" when the clean facts are the same as before, else in "Refreshed";
    a failed validation fails the run, and nothing downstream sees the facts.
    """
    before = output_hashes(root).get(out)
    for number, name in enumerate(stages):
        stage.with_options(name=name)(name, root, stage_hours * HOUR, False, number == 0)
    after = output_hashes(root).get(out)
    publish(root)
    changed = before != after
    text = "New facts passed validation." if changed else "Nothing new was filed."
    get_run_logger().info(text)
    create_markdown_artifact(key="refresh", markdown=f"{text}\n\n`{out}`: `{before}` → `{after}`")
    return Completed(name="Refreshed" if changed else "Unchanged", message=text)


if __name__ == "__main__":
    refresh()
