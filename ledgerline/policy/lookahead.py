"""Guesses of how a history goes on, taken from the history itself.

Most of what a policy writes is copied: names out of the document, a search out of a reply, a figure
out of a result. What followed when its last tokens stood there before is often what follows now,
so several tokens can be taken in at once and only those kept that would have been sampled anyway
(prompt lookup decoding: Saxena, 2023).
"""

from collections.abc import Iterable


class Lookahead:
    """The tokens of one history, and where each one and each two of them stood last."""

    def __init__(self, tokens: Iterable[int]):
        self._tokens: list[int] = []
        self._after: dict[int | tuple[int, int], int] = {}
        self.extend(tokens)

    def extend(self, tokens: Iterable[int]) -> None:
        """Add what came next."""
        known = self._tokens
        for token in tokens:
            place = len(known)
            if place > 0:
                self._after[known[-1]] = place
            if place > 1:
                self._after[known[-2], known[-1]] = place
            known.append(token)

    def guess(self, most: int) -> list[int]:
        """What may come next, at most `most` tokens; none where nothing like the end was there."""
        known = self._tokens
        if most <= 0 or len(known) < 2:
            return []
        place = self._after.get((known[-2], known[-1])) or self._after.get(known[-1])
        return known[place : place + most] if place else []
