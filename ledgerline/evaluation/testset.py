"""How often a test set has been used, when parts of it are renewed from time to time."""

import hashlib
from collections.abc import Iterable, Sequence

SKETCH_SIZE = 512


def sketch(example_ids: Iterable[str]) -> list[str]:
    """A small fingerprint of a set of examples: its `SKETCH_SIZE` smallest hashes, sorted.

    Two sketches are enough to tell how far their sets overlap (bottom-k sketches, Cohen and
    Kaplan 2007).
    """
    hashes = {hashlib.sha256(name.encode()).hexdigest()[:12] for name in example_ids}
    return sorted(hashes)[:SKETCH_SIZE]


def overlap(present: Sequence[str], earlier: Sequence[str]) -> float:
    """About what share of the present set's examples were in the earlier one, 0 to 1."""
    if not present or not earlier:
        return 0.0
    # Below both sketches' largest hash each set is known in full, if the sketch was cut off.
    ends = [line[-1] for line in (present, earlier) if len(line) == SKETCH_SIZE]
    known = [entry for entry in present if all(entry <= end for end in ends)]
    return len(set(known) & set(earlier)) / len(known) if known else 0.0


def rounds_spent(present: Sequence[str], earlier: Iterable[Sequence[str]]) -> int:
    """Earlier decisions on this test set, a partly renewed one counting for what it shares."""
    spent = sum(overlap(present, line) for line in earlier)
    return int(spent + 0.999)
