"""Training that can be killed at any moment and goes on as if it had not been.

A checkpoint is a folder: weights, their average and the optimizer as safetensors, everything else
as JSON, and a manifest of SHA-256 sums that is checked before anything is loaded. Nothing is
pickled.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ledgerline.durable import replacing_directory
from ledgerline.errors import LedgerlineError
from ledgerline.training.averaging import Average
from ledgerline.training.weights import saved, write

MANIFEST = "manifest.json"


def save_checkpoint(
    folder: Path,
    step: int,
    model: torch.nn.Module,
    optimizers: list[torch.optim.Optimizer],
    average: Average,
    generator: torch.Generator,
    state: dict[str, Any],
    keep: int,
) -> Path:
    """Write `folder`/step-NNNNNN durably and remove all but the newest `keep` checkpoints."""
    target = folder / f"step-{step:06d}"
    with replacing_directory(target) as temporary:
        save_file(saved(model), temporary / "weights.safetensors")
        moments, scalars = _flatten(optimizers)
        save_file(moments, temporary / "optimizer.safetensors")
        save_file(average.state(), temporary / "average.safetensors")
        save_file({"generator": generator.get_state()}, temporary / "random.safetensors")
        content = {"step": step, "optimizer": scalars, "state": state}
        (temporary / "state.json").write_text(json.dumps(content))
        (temporary / MANIFEST).write_text(json.dumps(manifest(temporary), indent=1))
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def load_checkpoint(
    folder: Path,
    model: torch.nn.Module,
    optimizers: list[torch.optim.Optimizer],
    average: Average,
    generator: torch.Generator,
) -> dict[str, Any] | None:
    """Restore the newest whole checkpoint under `folder`; its state, or None when there is none.

    A checkpoint whose files don't match its manifest is passed over for the one before it.
    """
    for candidate in reversed(checkpoints(folder)):
        if not is_whole(candidate):
            continue
        weights = load_file(candidate / "weights.safetensors")
        parameters = dict(model.named_parameters())
        if any(
            name not in parameters or parameters[name].shape != value.shape
            for name, value in weights.items()
        ):
            raise LedgerlineError(
                f"{candidate} is of another model; remove {folder} to start afresh"
            )
        write(model, weights)
        content: dict[str, Any] = json.loads((candidate / "state.json").read_text())
        _restore(optimizers, load_file(candidate / "optimizer.safetensors"), content["optimizer"])
        average.restore(load_file(candidate / "average.safetensors"))
        generator.set_state(load_file(candidate / "random.safetensors")["generator"])
        return content
    return None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints under `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def manifest(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file under `folder` but the manifest itself."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def is_whole(folder: Path) -> bool:
    """Whether the folder's files are those that its manifest lists, byte for byte."""
    try:
        listed = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return bool(listed == manifest(folder))


def _flatten(
    optimizers: list[torch.optim.Optimizer],
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Optimizer states as named tensors, plus the scalars of their groups."""
    tensors: dict[str, Tensor] = {}
    scalars = []
    for number, optimizer in enumerate(optimizers):
        content = optimizer.state_dict()
        for parameter, moments in content["state"].items():
            for name, value in moments.items():
                tensors[f"{number}/{parameter}/{name}"] = torch.as_tensor(value).clone()
        scalars.append({"groups": content["param_groups"]})
    return tensors, scalars


def _restore(
    optimizers: list[torch.optim.Optimizer],
    tensors: dict[str, Tensor],
    scalars: list[dict[str, Any]],
) -> None:
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            owner, parameter, name = key.split("/")
            if int(owner) == number:
                state.setdefault(int(parameter), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": scalars[number]["groups"]})
