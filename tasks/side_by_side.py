"""Runs a stage in several processes at once, each its part: `python -m tasks.side_by_side train`.

They are started before the stage is imported: that takes seconds, and so all import it at once.
The stage by itself, `python -m tasks.train`, is alone, or one of those that `accelerate launch`
starts.
"""

import runpy
import sys

from pydantic import BaseModel

from ledgerline.errors import LedgerlineError
from ledgerline.training.processes import start_beside
from tasks.params import Params, load_params
from tasks.stage import PARAMS


class _Policy(BaseModel):
    processes: int


class _Params(Params):
    policy: _Policy


def _number() -> int:
    """Processes that params ask for; where they can't be read, the stage is left to say why."""
    try:
        return load_params(PARAMS, _Params).policy.processes
    except LedgerlineError:
        return 1


if __name__ == "__main__":
    start_beside(_number())
    runpy.run_module(f"tasks.{sys.argv[1]}", run_name="__main__", alter_sys=True)
