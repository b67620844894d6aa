"""The embedded engine: many episodes at once, in process, each with its own place in the cache.

A prompt is prefilled once however many episodes share it; a tool's reply is prefilled onto the
history that is already there; an episode that ends gives its row to one that waits. Where few
episodes are left, a pass costs little more for several tokens than for one: then the next tokens
are guessed, and those guesses are kept that are what was sampled.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor
from transformers import PreTrainedModel

from ledgerline.policy.decoder import Decoder, KeyValueCache, round_up
from ledgerline.policy.lookahead import Lookahead
from ledgerline.settings import Settings

_FARTHEST = 7
"""Tokens guessed at most."""
_AT_ONCE = {"cpu": 128, "cuda": 4096}
"""Tokens that a pass takes in for little more than it takes one, by device."""
_TOGETHER = {"cpu": 512, "cuda": 1 << 20}
"""Tokens of prompts and replies that one pass takes in at most, by device."""


class Interaction(Protocol):
    """What an engine plays: `Episode` is one; the engine knows no more of it than this."""

    tokens: list[int]

    @property
    def over(self) -> bool:
        """Whether nothing more is to be sampled."""
        ...

    @property
    def turn_budget(self) -> int:
        """Tokens that the next turn may sample, at least 1."""
        ...

    def advance(self, tokens: Sequence[int], logprobs: Sequence[float]) -> list[int]:
        """Take one sampled turn and return the tokens to append to the history.

        A turn of no tokens is one for which there was no room; it must end the interaction.
        """
        ...


class Sampling(Settings):
    """How tokens are drawn: `temperature` 0 takes the likeliest; `top_p` 1 keeps all."""

    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)


@dataclass(slots=True)
class _Row:
    """One history: `length` tokens are in the cache, `pending` are still to be taken in."""

    interaction: Interaction
    length: int
    pending: list[int]
    lookahead: Lookahead
    turn: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class EmbeddedEngine:
    """Plays interactions with a Qwen2- or Llama-architecture model in this process.

    `rows`: histories in the cache at once. `positions`: tokens that a history may have; an
    interaction that would grow beyond them has its turn cut off. `at_once`: tokens that one pass
    of decoding may take in, guesses included; with 1 nothing is guessed.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        end_of_turn: int,
        rows: int,
        positions: int,
        dtype: torch.dtype,
        at_once: int | None = None,
    ):
        self._decoder = Decoder(model, dtype)
        # A model knows no position beyond its context.
        positions = min(positions, model.config.max_position_embeddings)
        self._cache = KeyValueCache(self._decoder, rows, positions)
        self._end_of_turn = end_of_turn
        self._capacity = rows
        self._at_once = at_once or _AT_ONCE[self._decoder.device.type]
        self._together = _TOGETHER[self._decoder.device.type]

    def refresh(self, model: PreTrainedModel, step: int = 0) -> None:
        """Generate with the model's present weights from now on, an adapter's included."""
        self._decoder.refresh(model)

    def play(
        self,
        interactions: Sequence[Interaction],
        sampling: Sampling,
        generator: torch.Generator,
    ) -> None:
        """Advance every interaction to its end. Equal prompts should stand side by side."""
        for interaction in interactions:
            if not interaction.over and len(interaction.tokens) >= self._cache.positions:
                interaction.advance([], [])  # no room for the prompt
        waiting = deque(interaction for interaction in interactions if not interaction.over)
        rows: list[_Row] = []
        while waiting or rows:
            free = self._capacity - len(rows)
            if waiting and free >= min(len(waiting), max(1, self._capacity // 8)):
                self._admit([waiting.popleft() for _ in range(min(free, len(waiting)))], rows)
            replied = [index for index, row in enumerate(rows) if len(row.pending) > 1]
            # Replies are taken in together: a few rows waiting cost less than many small passes.
            if replied and 4 * len(replied) >= len(rows):
                logits = self._take_in(rows, replied)
                self._sample(rows, replied, logits, sampling, generator)
            else:
                self._decode(rows, sampling, generator)
            self._end_turns(rows)
            self._close_gaps(rows)

    def _admit(self, interactions: list[Interaction], rows: list[_Row]) -> None:
        """Prefill each distinct prompt once and copy it to the rows that share it.

        A prompt's last token stays pending: taking it in gives the first logits.
        """
        base = len(rows)
        leaders: dict[tuple[int, ...], int] = {}
        followers: list[tuple[Interaction, int]] = []
        for interaction in interactions:
            prompt = tuple(interaction.tokens)
            if prompt in leaders:
                followers.append((interaction, leaders[prompt]))
            else:
                leaders[prompt] = len(rows)
                rows.append(_Row(interaction, 0, list(prompt[:-1]), Lookahead(prompt)))
        self._take_in(rows, [index for index in range(base, len(rows)) if rows[index].pending])
        for interaction, leader in followers:
            rows.append(_Row(interaction, rows[leader].length, [], Lookahead(interaction.tokens)))
        if followers:
            self._cache.copy_rows(
                torch.tensor([leader for _, leader in followers], device=self._decoder.device),
                torch.arange(len(rows) - len(followers), len(rows), device=self._decoder.device),
                max(rows[leader].length for _, leader in followers),
            )
        for row in rows[base:]:
            row.pending = [row.interaction.tokens[-1]]

    def _take_in(self, rows: list[_Row], indices: list[int]) -> Tensor:
        """Feed the pending tokens of the rows at `indices`; logits [len(indices), vocabulary].

        Rows of like length together, so that little is padded, and few at once, so that what a
        layer hands on stays in a CPU's cache.
        """
        order = sorted(range(len(indices)), key=lambda place: -len(rows[indices[place]].pending))
        logits: list[Tensor] = []
        taken = 0
        while taken < len(order):
            width = round_up(len(rows[indices[order[taken]]].pending), 8)
            some = order[taken : taken + max(1, self._together // width)]
            logits.append(self._take_in_together(rows, [indices[place] for place in some], width))
            taken += len(some)
        if not logits:
            return torch.empty(0)
        return torch.cat(logits)[torch.tensor(order, device=self._decoder.device).argsort()]

    def _take_in_together(self, rows: list[_Row], indices: list[int], width: int) -> Tensor:
        number = len(indices)
        # Rows that fill up are the last one again: the same is written to the same places.
        indices = indices + indices[-1:] * (round_up(len(indices), 4) - len(indices))
        chosen = [rows[index] for index in indices]
        padded = [row.pending + [0] * (width - len(row.pending)) for row in chosen]
        device = self._decoder.device
        logits = self._decoder.forward(
            torch.tensor(padded, device=device),
            torch.tensor([row.length for row in chosen], device=device),
            torch.tensor([len(row.pending) for row in chosen], device=device),
            self._cache,
            torch.tensor(indices, device=device),
        )
        for row in chosen:
            row.length += len(row.pending)
            row.pending = []
        return logits[:number]

    def _decode(self, rows: list[_Row], sampling: Sampling, generator: torch.Generator) -> None:
        """Sample the next token of every row, and further ones as long as they were guessed.

        A token behind a guess is sampled as if the guess were what was sampled before it; it counts
        only if that is so. So each token is drawn from the model's distribution, guessed or not.

        Rows with a reply still to be taken in ride along: what is written for them lies beyond
        their length, and the reply overwrites it. So do a few rows of the cache that nobody has,
        and guesses that turned out wrong.
        """
        device = self._decoder.device
        number = min(round_up(len(rows), 16), self._capacity)
        guesses = [self._guess(row, number) for row in rows]
        # Few widths, see `round_up`.
        width = 1 << max(map(len, guesses)).bit_length()
        taken = [[row.pending[0], *guess] for row, guess in zip(rows, guesses, strict=True)]
        taken += [[0]] * (number - len(rows))
        logits = self._decoder.forward(
            torch.tensor([[*row, *[0] * (width - len(row))] for row in taken], device=device),
            torch.tensor(
                [*(row.length for row in rows), *[0] * (number - len(rows))], device=device
            ),
            torch.tensor([len(row) for row in taken], device=device),
            self._cache,
            every=True,
        )
        tokens, logprobs = sample(logits.flatten(0, 1), sampling, generator)
        sampled = zip(
            rows,
            guesses,
            tokens.view(number, width).tolist(),
            logprobs.view(number, width).tolist(),
            strict=False,
        )
        for row, guess, after, likely in sampled:
            if len(row.pending) != 1:
                continue
            right = 0
            while right < len(guess) and guess[right] == after[right] != self._end_of_turn:
                right += 1
            row.length += right + 1
            row.pending = [after[right]]
            row.turn += after[: right + 1]
            row.logprobs += likely[: right + 1]
            row.lookahead.extend(after[: right + 1])

    def _guess(self, row: _Row, rows: int) -> list[int]:
        """Tokens that may follow those of `row`, as many as it pays to take in beside others."""
        if len(row.pending) != 1:
            return []
        affordable = self._at_once // rows - 1
        left = row.interaction.turn_budget - len(row.turn) - 1
        room = self._cache.positions - row.length - 2
        return row.lookahead.guess(min(_FARTHEST, affordable, left, room))

    def _sample(
        self,
        rows: list[_Row],
        indices: list[int],
        logits: Tensor,
        sampling: Sampling,
        generator: torch.Generator,
    ) -> None:
        tokens, logprobs = sample(logits, sampling, generator)
        pairs = zip(indices, tokens.tolist(), logprobs.tolist(), strict=True)
        for index, token, logprob in pairs:
            row = rows[index]
            row.turn.append(token)
            row.logprobs.append(logprob)
            row.pending = [token]
            row.lookahead.extend([token])

    def _end_turns(self, rows: list[_Row]) -> None:
        """Hand finished turns to their interactions and queue what they append."""
        for row in rows:
            if len(row.pending) != 1 or not row.turn:
                continue
            full = row.length + 1 >= self._cache.positions
            spent = len(row.turn) >= row.interaction.turn_budget
            if row.turn[-1] == self._end_of_turn or spent or full:
                appended = row.interaction.advance(row.turn, row.logprobs)
                row.pending = [row.turn[-1], *appended]
                row.lookahead.extend(appended)
                row.turn, row.logprobs = [], []
                if not row.interaction.over and (
                    row.length + len(row.pending) >= self._cache.positions
                ):
                    row.interaction.advance([], [])  # no room for the reply: cut off

    def _close_gaps(self, rows: list[_Row]) -> None:
        """Drop finished rows; the last rows move into the gaps."""
        gaps = [index for index, row in enumerate(rows) if row.interaction.over]
        moves: list[tuple[int, int]] = []
        for gap in gaps:
            while rows and rows[-1].interaction.over:
                rows.pop()
            if gap >= len(rows):
                break
            moves.append((len(rows) - 1, gap))
            rows[gap] = rows.pop()
        if moves:
            device = self._decoder.device
            self._cache.copy_rows(
                torch.tensor([source for source, _ in moves], device=device),
                torch.tensor([target for _, target in moves], device=device),
                max(rows[target].length for _, target in moves),
            )


def sample(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one token a row from float32 `logits` [rows, vocabulary]: tokens, log-probabilities.

    Log-probabilities are those of the distribution drawn from (after temperature and top-p).
    Drawing inverts the cumulative distribution: one random number a row.
    """
    if sampling.temperature == 0:
        logprobs = logits.log_softmax(-1)
        tokens = logits.argmax(-1)
    else:
        logprobs = (logits / sampling.temperature).log_softmax(-1)
        if sampling.top_p < 1:
            logprobs = _nucleus(logprobs, sampling.top_p)
        cumulative = logprobs.exp().cumsum(-1)
        draw = torch.rand(len(logits), 1, generator=generator, device=generator.device)
        # Scaled by the row's own total, so that rounding can't point past the last token.
        draw = draw.to(logits.device) * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, draw).squeeze(-1)
        tokens = tokens.clamp(max=logits.shape[-1] - 1)
    return tokens, logprobs.gather(-1, tokens[:, None]).squeeze(-1)


def _nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """Keep the likeliest tokens whose probabilities reach `top_p`, renormalised."""
    ordered, order = logprobs.sort(-1, descending=True)
    before = ordered.exp().cumsum(-1) - ordered.exp()
    ordered = ordered.masked_fill(before >= top_p, float("-inf"))
    return torch.empty_like(ordered).scatter_(-1, order, ordered).log_softmax(-1)
