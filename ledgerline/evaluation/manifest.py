"""Fingerprints of a model's files, so that what is loaded is what was evaluated."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from ledgerline.errors import LedgerlineError

EXECUTABLE_ON_LOAD = frozenset(
    {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"}
)
"""File types whose usual readers unpickle, and so run whatever code the file holds."""


def file_digest(path: Path) -> str:
    """SHA-256 of one file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_manifest(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file of the model in `folder`, sorted by path.

    Raises LedgerlineError when a file could hold pickled code, is a link, or when there are
    no weights as safetensors.
    """
    manifest = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise LedgerlineError(f"{path} is a link; a model version holds its files itself")
        if path.is_dir():
            continue
        if path.suffix.lower() in EXECUTABLE_ON_LOAD:
            raise LedgerlineError(f"{path} may hold pickled code; save the weights as safetensors")
        manifest[name] = file_digest(path)
    if not any(name.endswith(".safetensors") for name in manifest):
        raise LedgerlineError(f"no .safetensors weights in {folder}")
    return manifest


def manifest_digest(manifest: Mapping[str, str]) -> str:
    """SHA-256 of the manifest itself: the identity of the model."""
    return hashlib.sha256(json.dumps(dict(manifest), sort_keys=True).encode()).hexdigest()


def verify_manifest(folder: Path, manifest: Mapping[str, str]) -> None:
    """Raise LedgerlineError naming each file that is changed, missing or new in `folder`."""
    found = build_manifest(folder)
    faults = [
        f"{name} is {'missing' if name not in found else 'changed'}"
        for name, digest in sorted(manifest.items())
        if found.get(name) != digest
    ]
    faults += [f"{name} does not belong to it" for name in sorted(found.keys() - manifest.keys())]
    if faults:
        raise LedgerlineError(
            f"the model in {folder} is not the one that was registered: {'; '.join(faults)}"
        )
