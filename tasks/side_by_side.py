"""Runs a stage in several processes at once, each its part: `python -m tasks.side_by_side train`.

They are started before the stage is imported: that takes seconds, and so all import it at once.
The stage by itself, `python -m tasks.train`, is alone, or one of those that `accelerate launch`
starts.
"""

import runpy
import sys

from pydantic import BaseModel, Field

from ledgerline.errors import LedgerlineError
from ledgerline.training.processes import start_beside
from tasks.params import Params, load_params
from tasks.stage import PARAMS

SHARED = ("warmup", "train", "evaluate")
"""Stages that know of each other's part; any other would be run whole by every process."""


class _Policy(BaseModel):
    processes: int = Field(ge=1)


class _Params(Params):
    policy: _Policy


def _number() -> int:
    """Processes that params ask for; where they can't be read, the stage is left to say why."""
    try:
        return load_params(PARAMS, _Params).policy.processes
    except LedgerlineError:
        return 1


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in SHARED:
        sys.exit(f"usage: python -m tasks.side_by_side STAGE, which is one of {', '.join(SHARED)}")
    start_beside(_number())
    runpy.run_module(f"tasks.{sys.argv[1]}", run_name="__main__", alter_sys=True)
