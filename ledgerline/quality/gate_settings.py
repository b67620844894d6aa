"""What the gate insists on."""

from ledgerline.settings import Settings


class GateSettings(Settings):
    """least_facts: fewest facts worth training on
    disagreeing_per_million: facts that may still differ a thousandfold between filings
    unbalanced_per_million: facts that may still stand in balance sheets off ninefold
    largest: by unit kind of the catalogue, the largest value a known metric can have
    least_recall: share of planted errors (where any are planted) that must be set aside
    """

    least_facts: int
    disagreeing_per_million: float
    unbalanced_per_million: float
    largest: dict[str, float]
    least_recall: float
