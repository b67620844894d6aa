"""A Markdown card of the corpus: what is in it, how much of each, and samples to read."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from ledgerline.examples.example import Example
from ledgerline.examples.holdouts import slice_name
from ledgerline.examples.synthesize import Corpus

_SAMPLES = 10


def card(corpus: Corpus) -> str:
    """Markdown: counts, lengths, refusals, and ten samples of each kind."""
    splits = corpus.splits()
    examples = [example for split in splits.values() for example in split]
    sections = [
        "# Examples\n\nPrompts that end at the caret, and what is right there: a figure of the "
        "filings, or nothing. A sample shows the caret as ▏.",
        _splits(splits),
        "## Kinds\n\n" + _kinds(splits),
        "## Hold-outs\n\nWhat an example has that training never saw.\n\n"
        + _counts(splits, "held out", lambda example: slice_name(example.holdouts)),
        "## Registers\n\n" + _counts(splits, "register", lambda example: example.register),
        "## Sources\n\n" + _counts(splits, "source", lambda example: example.source),
    ]
    for title, header, counted in (
        ("Refused drafts", ("reason", "drafts"), corpus.refused),
        ("Slices that came out short", ("slice", "missing"), corpus.short),
    ):
        if counted:
            sections.append(f"## {title}\n\n" + _table(header, counted.items()))
    sections.append("## Samples\n\n" + _samples(examples))
    return "\n\n".join(sections) + "\n"


def _splits(splits: Mapping[str, Sequence[Example]]) -> str:
    rows = []
    for name, examples in splits.items():
        lengths = sorted(len(example.prompt) for example in examples) or [0]
        due = sum(example.is_due for example in examples)
        rows.append(
            (
                name,
                f"{len(examples):,}",
                f"{due / max(1, len(examples)):.0%}",
                f"{len({e.reference.cik for e in examples if e.reference}):,}",
                f"{len({example.phrasing for example in examples}):,}",
                f"{median(lengths):.0f}",
                f"{lengths[-1]}",
            )
        )
    header = ("split", "examples", "due", "companies", "phrasings", "median prompt", "longest")
    return _table(header, rows) + "\n\nPrompt lengths are in characters."


def _kinds(splits: Mapping[str, Sequence[Example]]) -> str:
    """A line for each kind: what is due, look-ups of the shortest honest episode, how long."""
    by_kind = _by_kind(example for examples in splits.values() for example in examples)
    rows = []
    for kind, examples in by_kind.items():
        lengths = sorted(len(example.prompt) for example in examples)
        lookups = sorted({example.searches for example in examples})
        rows.append(
            (
                kind,
                "a figure" if examples[0].is_due else "nothing",
                " or ".join(map(str, lookups)),
                *(f"{sum(e.kind == kind for e in split):,}" for split in splits.values()),
                f"{median(lengths):.0f}",
                f"{lengths[-1]}",
            )
        )
    return _table(("kind", "due", "look-ups", *splits, "median prompt", "longest"), rows)


def _by_kind(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Kind → its examples; kinds of which a figure is due come first."""
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        found[example.kind].append(example)
    return {kind: found[kind] for kind in sorted(found, key=lambda k: (not found[k][0].is_due, k))}


def _counts(
    splits: Mapping[str, Sequence[Example]], title: str, key: Callable[[Example], str]
) -> str:
    counted = [Counter(map(key, examples)) for examples in splits.values()]
    names = sorted(set().union(*counted), key=lambda name: (name.count("+"), name))
    rows = [(name, *(f"{counts[name]:,}" for counts in counted)) for name in names]
    return _table((title, *splits), rows)


def _samples(examples: Sequence[Example]) -> str:
    parts = []
    for kind, known in _by_kind(examples).items():
        chosen = random.Random(kind).sample(known, min(_SAMPLES, len(known)))
        lines = [f"- {_quoted(e.prompt + '▏')} → {_quoted(e.completion)}" for e in chosen]
        parts.append(f"### {kind}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _quoted(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}" if text else "(nothing)"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    # Words to the left, figures to the right.
    body = [[str(cell) for cell in row] for row in rows]
    figures = [all(row[n][:1].isdigit() for row in body) for n in range(len(header))]
    rule = ["---:" if is_figure else "---" for is_figure in figures]
    lines = [header, rule, *body]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
