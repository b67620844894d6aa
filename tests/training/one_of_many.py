"""Training processes side by side: `python -m tests.training.one_of_many FOLDER NUMBER STEPS`.

Its engine says the same whoever asks, so that runs of one and of two processes can be compared.
A fourth argument is the rank of the only process to which an alarm says that it must stop.
"""

import os
import sys
from pathlib import Path

from safetensors.torch import save_file

from ledgerline.environments.calls import write_call
from ledgerline.training.alarms import Alarms, AlarmSettings
from ledgerline.training.processes import start_beside
from ledgerline.training.trainer import Trainer
from tests.training.conftest import NO_SLIPS, new_policy, optimizer, settings
from tests.training.echo import QUESTIONS, TASK

GROUP = 4


class ReadAloud:
    """Rights the first episodes of a group and fails the others, in tokens of its own choice."""

    def __init__(self, codec):
        self._codec = codec

    def refresh(self, model, step=0):
        pass

    def play(self, interactions, sampling, generator):
        for index, episode in enumerate(interactions):
            while not episode.over:
                turn = self._codec.encode_turn(self._say(episode, index % GROUP))
                episode.advance(turn, [-1.0 - 0.1 * position for position in range(len(turn))])

    @staticmethod
    def _say(episode, place):
        opening, turns = episode.so_far
        word = opening.removeprefix("What is ").removesuffix("?")
        if place == 0 and not turns:
            return write_call("look_up", {"word": word})
        return write_call("say", {"answer": word if place < 2 else "puce"})


def train(folder, steps, alarmed=None):
    """Train some steps; leave this process's weights and reports in `folder`."""
    policy = new_policy()
    changes = {
        "steps": steps,
        "group_size": GROUP,
        "batch_tokens": 200,
        "refills": 1,
        "optimizer": optimizer(2e-3, "muon").model_dump(),
        "beside": {"number": 4, "updates": 2, "weight": 1.0, "reading": 0.1, **NO_SLIPS},
    }
    trainer = Trainer(
        policy,
        ReadAloud(policy.codec),
        TASK,
        QUESTIONS,
        settings(**changes),
        folder / "checkpoints",
    )
    (folder / f"rank{trainer.processes.rank}.pid").write_text(str(os.getpid()))
    if trainer.processes.rank == alarmed:
        threshold = {"metric": "rollouts", "above": 0.0, "steps": 1, "action": "stop"}
        trainer.alarms = Alarms(AlarmSettings.model_validate({"thresholds": [threshold]}))
    reports = []
    trainer.run(reports.append)
    weights = {name: value.detach().contiguous() for name, value in policy.model.named_parameters()}
    save_file(weights, folder / f"rank{trainer.processes.rank}.safetensors")
    (folder / f"rank{trainer.processes.rank}.txt").write_text(
        "".join(
            f"{report.metrics['loss']:.4f} {report.metrics['imitation_loss']:.4f} "
            f"{report.metrics['rollouts']}\n"
            for report in reports
        )
    )
    trainer.processes.wait()


if __name__ == "__main__":
    start_beside(int(sys.argv[2]))
    train(Path(sys.argv[1]), int(sys.argv[3]), *map(int, sys.argv[4:]))
