"""Profiles: YAML files that hold only what differs from params.yaml."""

from pathlib import Path
from typing import Any

import yaml

from ledgerline.errors import LedgerlineError


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; a LedgerlineError names one that can't be read."""
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise LedgerlineError(f"{path} can't be read: {error}") from None


def merged(base: Any, changes: Any) -> Any:
    """`base` with `changes`: mappings key by key, everything else replaced."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {
        **base,
        **{
            key: merged(base[key], value) if key in base else value
            for key, value in changes.items()
        },
    }
