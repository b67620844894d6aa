"""What the gate makes of real filings: known errors, stock splits, and everything else."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.quality_data import numbered, read_companyfacts, read_fsds
from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.board import make_board
from ledgerline.quality.findings import Finding
from ledgerline.quality.validation import ValidateSettings, find


def findings_on(frame: pd.DataFrame, settings: ValidateSettings) -> dict[int, Finding]:
    """Findings by place in the frame."""
    board = make_board(frame)
    return {
        int(board.order[finding.row]): finding
        for finding in find(board, settings, Catalogue.load())
    }


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> list[dict]:
    text = (shared_data / "scale_errors" / "fsds_pairs.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def fsds(shared_data: Path, pairs: list[dict]) -> pd.DataFrame:
    """Both quarters, and what the pairs tell of filings from outside them.

    Eight filings of the pairs were made after the last quarter at hand; of these the pairs'
    own values are all there is.
    """
    frame = pd.concat(
        read_fsds(shared_data / "fsds" / name) for name in ("2009q3.zip", "2010q1.zip")
    )
    present = set(frame["accession"])
    taxonomy = frame.drop_duplicates(["cik", "tag"]).set_index(["cik", "tag"])["taxonomy"].to_dict()
    outside = [
        {
            "cik": int(pair["cik"]),
            "accession": side["adsh"],
            "form": side["form"],
            "filed": pd.Timestamp(str(side["filed"])),
            "taxonomy": taxonomy.get((int(pair["cik"]), pair["tag"]), "us-gaap"),
            "tag": pair["tag"],
            "unit": pair["uom"],
            "start": pd.NaT,
            "end": pd.Timestamp(pair["ddate"]),
            "value": side["value"],
        }
        for pair in pairs
        for side in (pair["wrong"], pair["correct"], *pair["others"])
        if side["adsh"] not in present
    ]
    return numbered(pd.concat([frame, pd.DataFrame(outside)]))


@pytest.mark.slow
def test_the_wrong_side_of_real_pairs_is_set_aside_with_the_right_factor(
    fsds: pd.DataFrame, pairs: list[dict], settings: ValidateSettings
):
    found = findings_on(fsds, settings)
    places = {
        key: place
        for place, key in enumerate(
            zip(fsds["accession"], fsds["tag"], fsds["end"], fsds["value"], strict=True)
        )
    }
    mended = right_set_aside = 0
    for pair in pairs:
        wrong, correct = (
            places.get((side["adsh"], pair["tag"], pd.Timestamp(pair["ddate"]), side["value"]), -1)
            for side in (pair["wrong"], pair["correct"])
        )
        factor = 10.0 ** round(np.log10(pair["factor_to_fix"]))
        finding = found.get(wrong)
        mended += bool(finding and finding.factor and float(finding.factor) == factor)
        right_set_aside += correct in found
    assert mended >= 25
    assert right_set_aside == 0
    # Of a quarter of a million facts few are wrong; most of what is found, is.
    assert len(found) < len(fsds) / 500


def test_stock_splits_are_not_scale_errors(shared_data: Path, settings: ValidateSettings):
    frame = numbered(
        pd.concat(
            read_companyfacts(path) for path in sorted((shared_data / "companyfacts").glob("*.gz"))
        )
    )
    found = findings_on(frame, settings)
    accused = {
        (frame.at[place, "accession"], frame.at[place, "tag"], frame.at[place, "end"])
        for place in found
    }
    text = (shared_data / "scale_errors" / "stock_split_negatives.jsonl").read_text()
    splits = [json.loads(line) for line in text.splitlines()]
    assert len(splits) == 110
    wrongly = [
        (split["concept"], seen["accn"], split["end"])
        for split in splits
        for seen in split["obs"]
        if (seen["accn"], split["concept"].partition(":")[2], pd.Timestamp(split["end"])) in accused
    ]
    assert wrongly == []
