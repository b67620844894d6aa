"""What more phrasings are worth: a linear reader of word triples, fitted to fewer of them.

    python -m bench.phrasings [--shares 0.25 0.5 1]

Where `synthesize` has been. Prints for each share of the training phrasings how much of the test
documents, of usual kinds and new in everything, it reads as they are: those that ask for a figure,
and those that ask for none. It sees all documents in the phrasings that it is given.
"""

import argparse
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import SGDClassifier

from ledgerline.examples.example import Example, Holdout
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.rewards.degenerate import comes_next

EXAMPLES = Path("data/examples")
TOKEN = r"\w+|[^\w\s]|<end>"
DIGIT = re.compile(r"\d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    shares = parser.parse_args().shares
    harder = yaml.safe_load(Path("params.yaml").read_text())["evaluate"]["harder_kinds"]
    train = read_jsonl(EXAMPLES / "train.jsonl")
    test = [
        example
        for example in read_jsonl(EXAMPLES / "test.jsonl")
        if len(example.holdouts) == len(Holdout) and example.kind not in harder
    ]
    phrasings = sorted({example.phrasing for example in train})
    random.Random(0).shuffle(phrasings)
    shown = Table("share", "phrasings", "documents", "figure asked for", "none asked for")
    for share in shares:
        given = frozenset(phrasings[: round(share * len(phrasings))])
        read = [example for example in train if example.phrasing in given]
        figure, none = recall(read, test)
        shown.add_row(
            f"{share:.0%}", f"{len(given):,}", f"{len(read):,}", f"{figure:.1%}", f"{none:.1%}"
        )
    Console().print(shown)


def recall(train: Sequence[Example], test: Sequence[Example]) -> tuple[float, float]:
    """Shares of the test documents read rightly: of those that ask for a figure, and the others.

    What comes next is the likelier of the two sums: of all that are figures, and of all else.
    """
    counts = CountVectorizer(ngram_range=(1, 3), token_pattern=TOKEN, min_df=2, binary=True)
    reader = SGDClassifier(loss="log_loss", alpha=3e-6, max_iter=50, random_state=0)
    reader.fit(counts.fit_transform(map(text, train)), [str(comes_next(one)) for one in train])
    figures = {str(comes_next(one)) for one in train if one.is_due}
    likely = reader.predict_proba(counts.transform(map(text, test)))
    said = likely[:, np.isin(reader.classes_, list(figures))].sum(1) > 0.5
    # A measure that nobody files is looked up like any other.
    asked = np.array([bool(one.calls) for one in test])
    return float(said[asked].mean()), float(1 - said[~asked].mean())


def text(example: Example) -> str:
    """The document, its digits alike and its end marked."""
    return f"{DIGIT.sub('0', example.prompt.lower())} <end>"


if __name__ == "__main__":
    main()
