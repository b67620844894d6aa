"""Real facts with the columns that the detectors read, from the SEC's own files."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd


def read_fsds(path: Path, details: bool = False) -> pd.DataFrame:
    """Numbers of one Financial Statement Data Set, with `Store.frame()`'s columns.

    `details` takes the numbers of segments and co-registrants too, each as a tag of its own.
    """
    with zipfile.ZipFile(path) as archive:
        num, sub = (
            pd.read_csv(archive.open(name), sep="\t", dtype=str, keep_default_na=False, quoting=3)
            for name in ("num.txt", "sub.txt")
        )
    rows = num.merge(sub[["adsh", "cik", "form", "filed"]], on="adsh")
    rows = rows[rows["value"] != ""]
    part = rows["segments"] + rows["coreg"]
    rows = (rows if details else rows[part == ""]).reset_index(drop=True)
    part = (rows["segments"] + "|" + rows["coreg"]).where(lambda text: text != "|", "")
    end = pd.to_datetime(rows["ddate"])
    quarters = rows["qtrs"].astype(int)
    first_month = end.dt.year * 12 + end.dt.month - 3 * quarters
    start = pd.to_datetime(
        {"year": first_month // 12, "month": first_month % 12 + 1, "day": 1}
    ).where(quarters > 0)
    return pd.DataFrame(
        {
            "cik": rows["cik"].astype(int),
            "accession": rows["adsh"],
            "form": rows["form"],
            "filed": pd.to_datetime(rows["filed"]),
            "taxonomy": rows["version"]
            .str.split("/")
            .str[0]
            .where(rows["version"] != rows["adsh"], "custom"),
            "tag": rows["tag"] + part,
            "unit": rows["uom"],
            "start": start,
            "end": end,
            "value": rows["value"].astype(float),
        }
    )


def read_companyfacts(path: Path) -> pd.DataFrame:
    """One companyfacts file, with `Store.frame()`'s columns."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    rows = [
        (int(document["cik"]), fact["accn"], fact["form"], fact["filed"], taxonomy, tag, unit,
         fact.get("start"), fact["end"], float(fact["val"]))
        for taxonomy, tags in document["facts"].items()
        for tag, described in tags.items()
        for unit, facts in described["units"].items()
        for fact in facts
    ]  # fmt: skip
    names = ("cik", "accession", "form", "filed", "taxonomy", "tag", "unit", "start", "end",
             "value")  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(names))
    for column in ("filed", "start", "end"):
        frame[column] = pd.to_datetime(frame[column])
    return frame


def read_real(data: Path, details: bool = False) -> pd.DataFrame:
    """All real facts, each once."""
    frames = [read_fsds(path, details) for path in sorted((data / "fsds").glob("*.zip"))]
    frames += [read_companyfacts(path) for path in sorted((data / "companyfacts").glob("*.gz"))]
    return numbered(pd.concat(frames))


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Each fact once, with a fact_id."""
    identity = ["cik", "accession", "taxonomy", "tag", "unit", "start", "end"]
    frame = frame.drop_duplicates(identity).reset_index(drop=True)
    return frame.assign(fact_id=np.arange(len(frame)))
