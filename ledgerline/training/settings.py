"""The knobs of training."""

from pathlib import Path

from pydantic import Field

from ledgerline.policy.engine import Sampling
from ledgerline.policy.precision import Precision
from ledgerline.settings import Settings
from ledgerline.training.alarms import AlarmSettings
from ledgerline.training.grpo import Objective
from ledgerline.training.imitation import BesideSettings
from ledgerline.training.optimizers import OptimizerSettings
from ledgerline.training.probes import ProbeSettings
from ledgerline.training.sampler import SamplerSettings


class TrainerSettings(Settings):
    """`examples`: the file of prompts to practise on. `seed`: of the draws and the sampling.
    `groups`: prompts a step whose rollouts differ in reward by more than `least_spread`; groups
    that don't are dropped, and up to `refills` further draws replace them. `slips`: share of
    groups that begin with a turn gone wrong, so that going on from one is practised however
    seldom the policy slips by itself. `beside`: what is imitated meanwhile. `decay_from`: step from
    which the learning rate falls. `batch_tokens`: tokens of one micro-batch, padding included.
    `patience`: steps in a row whose update from practice may be lost to gradients that are not
    finite. `checkpoints`: how many are kept. `averaging`: share of the weights' running average
    that a step keeps; the average is what the run leaves, and 0 makes it the last weights.
    `validate_every`: steps after which it is tried on what it doesn't learn from, `validation`
    items; the best of these is left.
    `logged_rollouts`: groups of each step that are written down to be read. `probes`: prompts that
    are played greedily now and then, the same ones all along.
    """

    examples: Path
    seed: int
    steps: int = Field(ge=0)
    groups: int = Field(ge=1)
    group_size: int = Field(ge=2)
    refills: int = Field(ge=0)
    least_spread: float
    slips: float = Field(ge=0, le=1)
    beside: BesideSettings
    batch_tokens: int = Field(ge=1)
    decay_from: int
    patience: int = Field(ge=0)
    dtype: Precision
    sampling: Sampling
    objective: Objective
    sampler: SamplerSettings
    optimizer: OptimizerSettings
    alarms: AlarmSettings
    checkpoint_every: int = Field(ge=1)
    checkpoints: int = Field(ge=1)
    averaging: float = Field(ge=0, lt=1)
    validate_every: int = Field(ge=1)
    validation: int = Field(ge=1)
    logged_rollouts: int = Field(ge=0)
    probes: ProbeSettings
    kl_rollouts: int = Field(ge=0)
