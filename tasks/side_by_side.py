"""Stages that several processes run at once, each its part."""

from collections.abc import Callable
from typing import TypeVar

from ledgerline.policy.policy import PolicySettings
from ledgerline.training.processes import start_beside
from tasks.practice import PracticeParams


class PolicyParams(PracticeParams):
    """What stages that play with a policy read besides."""

    policy: PolicySettings


AnyPolicyParams = TypeVar("AnyPolicyParams", bound=PolicyParams)


def side_by_side(body: Callable[[AnyPolicyParams], None]) -> Callable[[AnyPolicyParams], None]:
    """A stage's body, run by as many processes at once as params say."""

    def run(params: AnyPolicyParams) -> None:
        start_beside(params.policy.processes)
        body(params)

    return run
