"""How a suite of expectations fared."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that doesn't hold. examples: up to three of the rows that break it."""

    suite: str
    expectation: str
    critical: bool
    count: int
    examples: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """How a suite fared: number of expectations, and those that don't hold."""

    suite: str
    expectations: int
    failures: tuple[Failure, ...]

    @property
    def critical(self) -> tuple[Failure, ...]:
        return tuple(failure for failure in self.failures if failure.critical)

    @property
    def warnings(self) -> tuple[Failure, ...]:
        return tuple(failure for failure in self.failures if not failure.critical)
