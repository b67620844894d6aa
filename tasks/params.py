"""params.yaml as checked settings: one section per stage, no key that nothing reads."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from ledgerline.environments.dialogue import Limits
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.evaluate import EvaluateSettings
from ledgerline.evaluation.promotion import PromoteSettings
from ledgerline.examples.synthesize import SynthesizeSettings
from ledgerline.filings.ingest import IngestSettings
from ledgerline.policy.policy import PolicySettings
from ledgerline.quality.validation import ValidateSettings
from ledgerline.rewards.audit import AuditSettings
from ledgerline.rewards.rubric import RubricSettings
from ledgerline.settings import Settings
from ledgerline.training.trainer import TrainerSettings
from ledgerline.training.warmup import WarmupSettings


class Params(Settings):
    """The whole of params.yaml."""

    ingest: IngestSettings
    validate_: ValidateSettings = Field(alias="validate")
    synthesize: SynthesizeSettings
    limits: Limits
    rubric: RubricSettings
    policy: PolicySettings
    warmup: WarmupSettings
    audit: AuditSettings
    train: TrainerSettings
    evaluate: EvaluateSettings
    promote: PromoteSettings


def load_params(path: Path) -> Params:
    """Read and check `path`; a key that is unknown, missing or of the wrong type is named."""
    try:
        content: Any = yaml.safe_load(path.read_text())
    except OSError as error:
        raise LedgerlineError(f"{path}: {error.strerror}; run from the project's root") from None
    except yaml.YAMLError as error:
        raise LedgerlineError(f"{path} is not valid YAML: {error}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())
        raise LedgerlineError(f"{path}: {faults}") from None


def _describe(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{key}: no such key (misspelt?)"
    if fault["type"] == "missing":
        return f"{key}: missing"
    return f"{key}: {fault['msg']}, got {fault['input']!r}"
