"""First embeddings that are alike where tokens are used alike.

From random embeddings a policy has to find out word by word that "nurses" are counted as "stores"
are, and in a short training never meets the rare ones often enough. But which words stand among
which is known before any training. It is taken from the training documents alone: counts of
neighbours, as positive pointwise mutual information, in their main directions (Levy and Goldberg,
NIPS 2014).
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

_TEXTS = 10_000
"""Texts that are counted, about; more take longer and say the same."""
_REACH = 4
"""Tokens to either side that count as neighbours, each by one over its distance."""
_LEAST = 20
"""Times that a token stands there, or its neighbours are chance."""
_SMOOTHING = 0.75
"""Power of a neighbour's frequency: below 1, rare neighbours say less."""


@torch.no_grad()
def embed_by_use(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    likeness: float,
) -> None:
    """Turn the embeddings of words in `model` towards those of words used alike in `texts`, in
    place; their lengths stay.

    `likeness`: 0 leaves them as they are, with 1 nothing tells words of one use apart. Digits,
    signs and markup are left: what is copied must not be mistaken for its like. Half of the
    dimensions are used, those that hold the token itself (`ledgerline/policy/induction`).
    """
    embedding: Tensor = model.get_input_embeddings().weight
    some = list(texts[:: max(1, len(texts) // _TEXTS)])
    documents = [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch(some)]
    found = use_vectors(documents, len(embedding), embedding.shape[1] // 2)
    known = found.any(1) & torch.tensor(
        [tokenizer.decode([token]).strip().isalpha() for token in range(len(embedding))]
    )
    length = embedding.norm(dim=1, keepdim=True)
    turned = (1 - likeness**2) ** 0.5 * embedding / length
    turned[:, : found.shape[1]] += likeness * found
    turned *= length / turned.norm(dim=1, keepdim=True)
    embedding[known] = turned[known]


def use_vectors(documents: Iterable[list[int]], vocabulary: int, width: int) -> Tensor:
    """Documents as tokens → [vocabulary, width]: of length 1, alike where tokens have the same
    neighbours; zeros for a token that is too rare.
    """
    counts = _neighbours(documents, vocabulary)
    known = counts.sum(1) >= _LEAST
    counts = counts[known]
    shares = counts.sum(0) ** _SMOOTHING
    expected = counts.sum(1, keepdims=True) * (shares / max(shares.sum(), 1e-12))
    information = np.log(np.maximum(counts, 1e-12) / np.maximum(expected, 1e-12)).clip(min=0.0)
    squares, directions = np.linalg.eigh(information @ information.T)
    # The greatest, but for the first, which tells frequent from rare.
    order = range(len(squares))[-2 : -2 - width : -1]
    main = directions[:, order] * squares[order].clip(min=0) ** 0.25
    # Which way a direction points is chance, and not the same on every machine.
    main *= np.where(main[np.abs(main).argmax(0), range(len(order))] < 0, -1.0, 1.0)
    vectors = torch.zeros(vocabulary, width)
    vectors[torch.from_numpy(known), : len(order)] = torch.from_numpy(main).float()
    return torch.nn.functional.normalize(vectors, dim=1)


def _neighbours(documents: Iterable[list[int]], vocabulary: int) -> npt.NDArray[np.float64]:
    """How often each token stands before and after each: [vocabulary, 2 · vocabulary]."""
    gap = [-1] * _REACH
    text = np.array([token for document in documents for token in [*document, *gap]], np.int64)
    counts = np.zeros((2, vocabulary * vocabulary))
    for distance in range(1, _REACH + 1):
        left, right = text[:-distance], text[distance:]
        beside = (left >= 0) & (right >= 0)
        left, right = left[beside], right[beside]
        for side, (one, other) in enumerate(((right, left), (left, right))):
            pairs = np.bincount(one * vocabulary + other, minlength=vocabulary * vocabulary)
            counts[side] += pairs / distance
    return np.concatenate([side.reshape(vocabulary, vocabulary) for side in counts], axis=1)
