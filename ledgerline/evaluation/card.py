"""What travels with a model version besides its weights: the card and MLflow's description."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, Schema

from ledgerline.evaluation.evaluate import BASE, TRAINED, EvaluateSettings, Evidence
from ledgerline.evaluation.metrics import ALL
from ledgerline.evaluation.records import TEST
from ledgerline.evaluation.tables import (
    POLICY_COLUMNS,
    SLICE_COLUMNS,
    headline,
    markdown_table,
    percent,
    policy_rows,
    slice_rows,
    telling_slices,
    with_interval,
)

SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "document"), ColSpec("string", "document_date")]),
    outputs=Schema([ColSpec("string", "completion"), ColSpec("string", "accession")]),
)
"""A document up to the caret and its date; the figure ("" for none) and where it was filed."""


def write_mlmodel(folder: Path, tags: Mapping[str, str]) -> None:
    """Write MLflow's `MLmodel` beside the weights, with the signature and nothing pickled."""
    model = Model(signature=SIGNATURE, metadata=dict(tags))
    model.add_flavor("ledgerline", policy="policy", manifest="manifest.json", format="safetensors")
    model.save(str(folder / "MLmodel"))


def model_card(
    evidence: Evidence,
    settings: EvaluateSettings,
    tags: Mapping[str, str],
    wrong_limit: float,
) -> str:
    """The card as Markdown: what it does, what it was tested on, results, sources."""
    trained = evidence.measures[TRAINED][ALL]
    threshold = evidence.thresholds[TRAINED]
    served = evidence.served[TRAINED]
    shown = (
        f"Answers are shown from a confidence of {threshold:.4f}; that certifies at most "
        f"{percent(wrong_limit)} wrong among shown. On the test set it shows "
        f"{percent(served.coverage.value)} of what is due, {percent(served.wrong_shown.value)} of "
        f"it wrong (at most {percent(served.wrong_shown_bound)})."
        if threshold is not None
        else f"No threshold certifies at most {percent(wrong_limit)} wrong among shown: it isn't "
        "fit to show anything unattended."
    )
    telling = telling_slices(evidence, settings)
    kinds = _counts([row.kind for row in evidence.records[TRAINED] if row.split == TEST])
    sources = "\n".join(f"- {name}: `{value}`" for name, value in sorted(tags.items()) if value)
    base = evidence.measures.get(BASE)
    return f"""# Ledgerline policy

Completes a financial figure at the caret from what companies filed, or stays silent.

{headline(evidence)}

{shown}

## Data

{trained.examples} test examples of {trained.companies} companies, {trained.due} with a figure \
due. Companies, fiscal years, metrics and phrasings are held out from training, alone and crossed; \
“new everything” holds out all four, and “usual kinds” leaves the harder kinds out of it. \
Seed {settings.seed}.

Kinds: {kinds}.

## Results

Right on the whole test set: {with_interval(trained.accuracy)}\
{f", the base policy {with_interval(base[ALL].accuracy)}" if base else ""}. Intervals hold \
{percent(settings.uncertainty.confidence)}, clustered by company.

{markdown_table(POLICY_COLUMNS, policy_rows(evidence, ALL))}

Base against trained, by slice:

{markdown_table(SLICE_COLUMNS, slice_rows(evidence, telling))}

## Sources

{sources}
"""


def _counts(names: Sequence[str]) -> str:
    return ", ".join(f"{name} {names.count(name)}" for name in sorted(set(names)))
