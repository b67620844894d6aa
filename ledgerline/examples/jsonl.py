"""Examples as lines of JSON, one each, in a fixed order of keys."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from ledgerline.durable import write_bytes
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Ask, Example, Holdout, Lookup, Reference, Split


def write_jsonl(path: Path, examples: Iterable[Example]) -> None:
    """Replace `path` with `examples`, durably."""
    write_bytes(path, b"".join(orjson.dumps(as_json(example)) + b"\n" for example in examples))


def read_jsonl(path: Path) -> list[Example]:
    """The examples in `path`, in order. LedgerlineError names the file and the broken line."""
    if not path.is_file():
        raise LedgerlineError(f"{path}: no such file; run the stage that writes it (synthesize).")
    examples = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            examples.append(from_json(orjson.loads(line)))
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise LedgerlineError(
                f"{path}, line {number}: not an example ({type(error).__name__}: {error}); "
                "write the file again with the stage synthesize."
            ) from error
    return examples


def as_json(example: Example) -> dict[str, Any]:
    """A JSON object; amounts as exact text, dates in ISO form, hold-outs sorted."""
    reference = example.reference
    return {
        "id": example.id,
        "split": example.split.value,
        "kind": example.kind,
        "ask": example.ask.value,
        "prompt": example.prompt,
        "completion": example.completion,
        "document_date": example.document_date.isoformat(),
        "reference": reference
        and {
            "cik": reference.cik,
            "company": reference.company,
            "metric": reference.metric,
            "period": reference.period,
            "value": str(reference.value),
            "unit": reference.unit,
            "accession": reference.accession,
        },
        "holdouts": sorted(holdout.value for holdout in example.holdouts),
        "phrasing": example.phrasing,
        "register": example.register,
        "searches": example.searches,
        "source": example.source,
        "calls": [[call.company, call.metric, call.period] for call in example.calls],
        "glossary": dict(example.glossary),
        "difficulty": example.difficulty,
    }


def from_json(fields: dict[str, Any]) -> Example:
    """The inverse of `as_json`; KeyError, TypeError or ValueError on anything else."""
    reference = fields["reference"]
    if reference is not None:
        reference = Reference(**{**reference, "value": Decimal(reference["value"])})
    return Example(
        **{
            **fields,
            "split": Split(fields["split"]),
            "ask": Ask(fields["ask"]),
            "document_date": date.fromisoformat(fields["document_date"]),
            "reference": reference,
            "holdouts": frozenset(map(Holdout, fields["holdouts"])),
            "calls": tuple(Lookup(*call) for call in fields["calls"]),
            "glossary": tuple({**fields["glossary"]}.items()),
        }
    )
