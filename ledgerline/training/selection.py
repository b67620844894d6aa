"""Of the weights that a run passes through, those that solve most of what it doesn't learn from.

Practice goes on improving on its own prompts after it has begun to lose on others, most of all when
it has found out that silence is safe. So the policy is tried on validation items at intervals, and
the best is what the run leaves.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ledgerline.durable import replacing_directory
from ledgerline.training.weights import saved, write


class Best:
    """The best weights so far, kept under `folder`: a resumed run finds them there."""

    def __init__(self, folder: Path):
        self._folder = folder

    @property
    def step(self) -> int:
        """Steps after which the best weights were met; 0 where none were kept yet."""
        return int(self._read()["step"])

    @property
    def success(self) -> float:
        """Their share of items solved; −1 where none were kept yet."""
        return float(self._read()["success"])

    def consider(self, step: int, success: float, model: torch.nn.Module) -> None:
        """Keep the trained weights of `model` if they solve more than any before."""
        if success <= self.success:
            return
        with replacing_directory(self._folder) as folder:
            save_file(saved(model), folder / "weights.safetensors")
            (folder / "state.json").write_text(json.dumps({"step": step, "success": success}))

    def restore(self, model: torch.nn.Module) -> None:
        """Give `model` the best weights."""
        write(model, load_file(self._folder / "weights.safetensors"))

    def _read(self) -> dict[str, float]:
        state = self._folder / "state.json"
        if not state.is_file():
            return {"step": 0, "success": -1.0}
        kept: dict[str, float] = json.loads(state.read_text())
        return kept
