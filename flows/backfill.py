"""The pipeline as it would have been for the filings of some days, in a folder of its own."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from prefect import flow
from prefect.logging import get_run_logger

from flows.graph import stages_in_order
from flows.pipeline import HERE
from flows.steps import bring_up_to_date
from ledgerline.errors import LedgerlineError
from tasks.profile import lay_out


@flow(name="ledgerline-backfill", flow_run_name="backfill {first} to {last}")
def backfill(
    first: date,
    last: date,
    root: Path = HERE,
    targets: tuple[str, ...] = ("validate",),
    stage_hours: float = 6.0,
    retry_seconds: float = 60.0,
) -> Path:
    """Bring `targets` up to date with only what was filed from `first` to `last`, both included.

    It happens in runs/backfill-FIRST-LAST, so the workspace's own facts and champion stay as they
    are; run again, it goes on where it stopped. Returns that folder.
    """
    if first > last:
        raise LedgerlineError(f"nothing can be filed from {first} to {last}: exchange the two")
    folder = root / "runs" / f"backfill-{first}-{last}"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as profile:
        yaml.safe_dump({"ingest": _ingest(root, first, last)}, profile)
        profile.flush()
        lay_out(root, Path(profile.name), folder)
    names = [step.name for step in stages_in_order(folder, tuple(targets))]
    get_run_logger().info("%s: %s", folder, " → ".join(names))
    bring_up_to_date(folder, names, stage_hours, retry_seconds)
    return folder


def _ingest(root: Path, first: date, last: date) -> dict[str, Any]:
    """The section of params with its dates, and folders that mean the same from elsewhere."""
    section: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text())["ingest"]
    sources = [
        {**source, "folder": str((root / source["folder"]).resolve())}
        if "folder" in source
        else source
        for source in section["sources"]
    ]
    # As text: DVC takes no dates among params.
    return {"sources": sources, "filed": {"first": str(first), "last": str(last)}}
