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
    sections = [
        "# Examples",
        _splits(splits),
        "## Kinds\n\n" + _counts(splits, "kind", lambda example: example.kind),
        "## Hold-outs\n\n" + _counts(splits, "held out", lambda e: slice_name(e.holdouts)),
        "## Registers\n\n" + _counts(splits, "register", lambda example: example.register),
        "## Sources\n\n" + _counts(splits, "source", lambda example: example.source),
        "## Refused drafts\n\n" + _table(("reason", "drafts"), corpus.refused.items()),
    ]
    if corpus.short:
        sections.append(
            "## Slices that came out short\n\n" + _table(("slice", "missing"), corpus.short.items())
        )
    sections.append("## Samples\n\n" + _samples([e for split in splits.values() for e in split]))
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


def _counts(
    splits: Mapping[str, Sequence[Example]], title: str, key: Callable[[Example], str]
) -> str:
    counted = [Counter(map(key, examples)) for examples in splits.values()]
    names = sorted(set().union(*counted), key=lambda name: (name.count("+"), name))
    rows = [(name, *(f"{counts[name]:,}" for counts in counted)) for name in names]
    return _table((title, *splits), rows)


def _samples(examples: Sequence[Example]) -> str:
    by_kind: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_kind[example.kind].append(example)
    parts = []
    for kind in sorted(by_kind):
        chosen = random.Random(kind).sample(by_kind[kind], min(_SAMPLES, len(by_kind[kind])))
        lines = [f"- {_quoted(e.prompt)} → {_quoted(e.completion) or '(nothing)'}" for e in chosen]
        parts.append(f"### {kind}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _quoted(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}▏{fence}" if text.endswith(" ") else f"{fence}{text}{fence}" * bool(text)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
