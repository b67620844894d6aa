"""The quality gate on real filings: what it finds, what it costs, and pandera beside it.

    python -m bench.quality --data ../shared/data            # precision and recall by kind
    python -m bench.quality --data ../shared/data --speed    # rows per second, memory, pandera

Real facts (both Financial Statement Data Sets and five companyfacts files) are first passed
through the gate untouched; what it sets aside there is left out, the rest counts as clean. Then
one kind of error at a time is put in, by seed, and the gate runs again. Everything it sets aside
that was not put in counts as a false alarm. The thresholds in params.yaml were settled on other
seeds (1 to 9) than those reported here.
"""

import argparse
import gzip
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.board import Board, make_board
from ledgerline.quality.comparison import Distance
from ledgerline.quality.findings import Finding
from ledgerline.quality.scale_words import contradicts_itself
from ledgerline.quality.validation import ValidateSettings, find
from ledgerline.quality.weighing import compare_all

SEEDS = (101, 102, 103)
PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"


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


@dataclass(frozen=True)
class Corrupted:
    """A frame with errors put in. rows: places of the wrong facts; factor: wrong ÷ right."""

    frame: pd.DataFrame
    rows: np.ndarray
    factor: float


def single(power: int, share: float = 0.004) -> Callable[..., Corrupted]:
    """Single facts times 10**power."""

    def corrupt(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
        kinds = frame["unit"].isin(["USD", "shares"]) & (frame["value"] != 0)
        rows = rng.choice(np.flatnonzero(kinds), int(share * len(frame)), replace=False)
        return _times(frame, rows, 10.0**power)

    return corrupt


def whole_filings(power: int, count: int = 12) -> Callable[..., Corrupted]:
    """Every amount and share count of some filings whose company has filed more than one."""

    def corrupt(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
        filings = frame.groupby("accession")["cik"].agg(["first", "size"])
        several = filings.groupby("first").size()
        usable = filings[filings["first"].isin(several[several > 1].index) & (filings["size"] > 50)]
        chosen = rng.choice(usable.index.to_numpy(), count, replace=False)
        scaled = frame["accession"].isin(chosen) & frame["unit"].isin(["USD", "shares"])
        scaled &= ~frame["tag"].str.contains("PerShare") & (frame["value"] != 0)
        return _times(frame, np.flatnonzero(scaled), 10.0**power)

    return corrupt


def metric_everywhere(power: int, count: int = 60) -> Callable[..., Corrupted]:
    """One metric of one company in all its filings and years."""

    def corrupt(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
        usable = frame[frame["unit"].isin(["USD", "shares"]) & (frame["value"] != 0)]
        series = usable.groupby(["cik", "tag", "unit"]).indices
        keys = [key for key, rows in series.items() if len(rows) >= 3]
        chosen = rng.choice(len(keys), count, replace=False)
        rows = np.concatenate([usable.index[series[keys[n]]].to_numpy() for n in chosen])
        return _times(frame, rows, 10.0**power)

    return corrupt


def percent_for_ratio(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
    """Ratios times a hundred."""
    ratios = np.flatnonzero((frame["unit"] == "pure") & (frame["value"] != 0))
    return _times(frame, rng.choice(ratios, len(ratios) // 20, replace=False), 100.0)


def other_sign(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
    """Amounts with the opposite sign."""
    amounts = np.flatnonzero((frame["unit"] == "USD") & (frame["value"] != 0))
    return _times(frame, rng.choice(amounts, len(frame) // 250, replace=False), -1.0)


def other_unit(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
    """Dollars called shares, shares called dollars, and dollars called euros."""
    usable = np.flatnonzero(frame["unit"].isin(["USD", "shares"]) & (frame["value"] != 0))
    rows = rng.choice(usable, len(frame) // 250, replace=False)
    units = frame["unit"].to_numpy(dtype=object).copy()
    swapped = np.where(rng.random(len(rows)) < 0.5, "EUR", "shares")
    units[rows] = np.where(units[rows] == "shares", "USD", swapped)
    return Corrupted(frame.assign(unit=units), rows, 1.0)


def _times(frame: pd.DataFrame, rows: np.ndarray, factor: float) -> Corrupted:
    value = frame["value"].to_numpy().copy()
    value[rows] = np.array([float(f"{v * factor:.15g}") for v in value[rows]])
    return Corrupted(frame.assign(value=value), np.asarray(rows), factor)


KINDS: dict[str, Callable[..., Corrupted]] = {
    **{f"single facts ×10^{power:+d}": single(power) for power in (3, -3, 6, -6, 9, -9, 1)},
    **{f"whole filings ×10^{power:+d}": whole_filings(power) for power in (3, -3, 6, -6)},
    **{f"a metric in all years ×10^{p:+d}": metric_everywhere(p) for p in (3, -3, 6, -6)},
    "percent for ratio": percent_for_ratio,
    "sign": other_sign,
    "unit": other_unit,
}


def comparisons_of(board: Board, settings: ValidateSettings) -> np.ndarray:
    """How many other facts each fact of a board can be compared with.

    Counted: the same fact in other filings, neighbouring periods, members of an identity.
    """
    counts = np.zeros(len(board), int)
    every = np.arange(len(board))
    for comparison in compare_all(board, np.isfinite(board.level), settings.detectors):
        if isinstance(comparison, Distance) and comparison.detector != "peers":
            counts += np.isfinite(comparison.distance_of(every))
    return counts


@dataclass(frozen=True)
class Tally:
    """Counts of one run; `comparable` are the wrong facts with two comparisons or more."""

    wrong: int
    found: int
    comparable: int
    comparable_found: int
    right_factor: int
    false_alarms: int
    facts: int

    def line(self) -> str:
        alarms = self.found + self.false_alarms
        return (
            f"{self.wrong:>7,} {_share(self.found, self.wrong)} "
            f"{_share(self.comparable_found, self.comparable)} {_share(self.found, alarms)} "
            f"{_share(self.right_factor, self.found)} {self.false_alarms:>6,}"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:>8.4f}" if whole else "       –"


def tally(corrupted: Corrupted, settings: ValidateSettings, counts: np.ndarray) -> Tally:
    """Run the gate over a corrupted frame and count."""
    board = make_board(corrupted.frame)
    alarms: dict[int, Finding] = {
        int(board.order[finding.row]): finding
        for finding in find(board, settings, Catalogue.load())
    }
    wrong = set(corrupted.rows.tolist())
    found = wrong & alarms.keys()
    comparable = {row for row in wrong if counts[row] >= 2}
    mended = sum(
        1
        for row in found
        if (factor := alarms[row].factor) is not None
        and abs(float(factor) * corrupted.factor - 1) < 1e-6
    )
    return Tally(
        len(wrong), len(found), len(comparable), len(found & comparable), mended,
        len(alarms.keys() - wrong), len(board),
    )  # fmt: skip


def summed(tallies: list[Tally]) -> Tally:
    """Counts of several runs together."""
    return Tally(*(sum(getattr(t, f) for t in tallies) for f in Tally.__dataclass_fields__))


def clean_base(frame: pd.DataFrame, settings: ValidateSettings) -> pd.DataFrame:
    """The facts that the untouched gate accepts, and accepts again without the others."""
    while True:
        board = make_board(frame)
        aside = [
            int(board.order[finding.row]) for finding in find(board, settings, Catalogue.load())
        ]
        if not aside:
            return frame
        frame = numbered(frame.drop(index=aside))


def settings_of(params: Path = PARAMS) -> ValidateSettings:
    """The section `validate` of params.yaml."""
    return ValidateSettings.model_validate(yaml.safe_load(params.read_text())["validate"])


def detection(data: Path, seeds: tuple[int, ...], only: str) -> Iterator[str]:
    """The table of precision and recall, line by line."""
    settings = settings_of()
    base = clean_base(read_real(data), settings)
    board = make_board(base)
    counts = np.empty(len(base), int)
    counts[board.order] = comparisons_of(board, settings)
    yield f"{len(base):,} clean real facts, {(counts >= 2).mean():.1%} with two comparisons or more"
    yield f"{'kind':<36} wrong   recall recall≥2 precision  factor false alarms"
    for name, corrupt in KINDS.items():
        if only in name:
            runs = [
                tally(corrupt(base, np.random.default_rng(seed)), settings, counts)
                for seed in seeds
            ]
            yield f"{name:<34} {summed(runs).line()}"
    if not only:
        yield _text_line()


def _text_line() -> str:
    figures = ["$9 billion", "$383.3 billion", "15.6 billion shares", "$6.13", "12.5%", "€1.2 bn",
               "NT$2.26 trillion", "383,285 million"]  # fmt: skip
    scales = ["billion", "million", "thousand", "trillion"]
    wrong = [f"{figure} {scale}" for figure in figures[:3] for scale in scales]
    wrong += [f"({figure} {scale})" for figure in figures[-2:] for scale in scales]
    found = sum(map(contradicts_itself, wrong))
    false = sum(map(contradicts_itself, figures))
    recall, precision = _share(found, len(wrong)), _share(found, found + false)
    return f"{'“billion billion” text':<34} {len(wrong):>7,} {recall} {'':>8} {precision}"


def main() -> None:
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    arguments = parser.parse_args()
    for line in detection(arguments.data, tuple(arguments.seeds), arguments.only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
