"""One side of a comparison of training steps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the counted steps.

    `seconds`: a whole step; `rollout`: its rollouts, rewards included; what is left is the
    update. `tokens`: mean sampled tokens of a step. `solved`: share of rollouts solved, which
    says whether both sides played the same policy.
    """

    name: str
    seconds: float
    rollout: float
    rollouts: int
    tokens: float
    solved: float

    @property
    def update(self) -> float:
        return self.seconds - self.rollout

    @property
    def rollouts_a_second(self) -> float:
        return self.rollouts / self.seconds

    @property
    def tokens_a_second(self) -> float:
        return self.tokens / self.seconds
