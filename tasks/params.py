"""params.yaml as checked settings: one section per stage, no key that nothing reads."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ledgerline.errors import LedgerlineError

SECTIONS = (
    "ingest",
    "validate",
    "synthesize",
    "limits",
    "rubric",
    "judge",
    "policy",
    "warmup",
    "audit",
    "expand",
    "train",
    "evaluate",
    "promote",
)


class Params(BaseModel):
    """The sections of params.yaml that a stage reads; each stage names its own in a subclass.

    Sections of other stages are passed over, so that a stage imports only what it runs.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


AnyParams = TypeVar("AnyParams", bound=Params)


def load_params(path: Path, kind: type[AnyParams]) -> AnyParams:
    """Read and check `path`; a key that is unknown, missing or of the wrong type is named."""
    try:
        content: Any = yaml.safe_load(path.read_text())
    except OSError as error:
        raise LedgerlineError(f"{path}: {error.strerror}; run from the project's root") from None
    except yaml.YAMLError as error:
        raise LedgerlineError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise LedgerlineError(f"{path}: must hold the sections {', '.join(SECTIONS)}")
    unknown = [str(section) for section in content if section not in SECTIONS]
    if unknown:
        raise LedgerlineError(f"{path}: {', '.join(unknown)}: no such section (misspelt?)")
    try:
        return kind.model_validate(content)
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
