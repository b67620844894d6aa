"""Rendered figures with a scale word doubled, found and told from real prose."""

import gzip
import json
from pathlib import Path

import numpy as np

from ledgerline.filings.figures import render
from ledgerline.filings.store import exact
from ledgerline.quality.scale_words import contradicts_itself

SCALES = ("thousand", "million", "billion", "trillion")
NOTES = ("{figure} {scale}", "{figure} ({scale})", "({figure}) {scale}s", "{figure} (in {scale}s)")


def text_counts(
    values: np.ndarray, units: np.ndarray, data: Path, seed: int
) -> tuple[int, int, int]:
    """How many doubled figures there were, how many were found, and false alarms.

    The figures are real facts as search renders them; false alarms are counted on the same
    figures untouched and on real prose.
    """
    rng = np.random.default_rng(seed)
    large = np.flatnonzero(np.isin(units, ["USD", "shares"]) & (np.abs(values) >= 1000))
    figures = [
        render(exact(f"{values[place]:.0f}"), str(units[place]))
        for place in rng.choice(large, 2000, replace=False)
    ]
    wrong = [
        str(rng.choice(NOTES)).format(figure=figure, scale=rng.choice(SCALES)) for figure in figures
    ]
    lines = gzip.decompress(
        (data / "sentences" / "tagged_sentences.jsonl.gz").read_bytes()
    ).splitlines()
    prose = [json.loads(line)["sentence"] for line in lines]
    alarms = sum(map(contradicts_itself, [*figures, *prose]))
    return len(wrong), sum(map(contradicts_itself, wrong)), alarms
