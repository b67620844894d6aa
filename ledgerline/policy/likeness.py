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
from scipy.sparse import coo_array, csr_array
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

_TEXTS = 10_000
"""Texts that are counted, about; more take longer and say the same."""
_REACH = 4
"""Tokens to either side that count as neighbours, each by one over its distance."""
_LEAST = 20
"""Times that a token stands there, or its neighbours are chance."""
_ROUNDS, _SPARE = 10, 16
"""Rounds in which main directions are found, and how many more are followed than wanted."""
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
    signs, capitals ("NT" of "NT$") and markup are left: what is copied must not be mistaken for
    its like. Half of the dimensions are used, those that hold the token itself
    (`ledgerline/policy/induction`).
    """
    embedding: Tensor = model.get_input_embeddings().weight
    some = list(texts[:: max(1, len(texts) // _TEXTS)])
    documents = [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch(some)]
    found = use_vectors(documents, len(embedding), embedding.shape[1] // 2)
    spelt = [tokenizer.decode([token]).strip() for token in range(len(embedding))]
    known = found.any(1) & torch.tensor([one.isalpha() and not one.isupper() for one in spelt])
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
    vectors = torch.zeros(vocabulary, width)
    if not known.any():
        return vectors
    found = counts[known].tocoo()
    of_each = found.sum(0) ** _SMOOTHING
    expected = found.sum(1)[found.row] * of_each[found.col] / of_each.sum()
    found.data = np.log(found.data / expected).clip(min=0.0)
    directions, sizes = _main_directions(found.tocsr(), width + 1)
    # The greatest, but for the first, which tells frequent from rare.
    main = directions[:, 1:] * sizes[1:] ** 0.5
    # Which way a direction points is chance, and not the same on every machine.
    main *= np.where(main[np.abs(main).argmax(0), range(main.shape[1])] < 0, -1.0, 1.0)
    vectors[torch.from_numpy(known), : main.shape[1]] = torch.from_numpy(main).float()
    return torch.nn.functional.normalize(vectors, dim=1)


def _main_directions(
    matrix: csr_array, number: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The `number` greatest left singular vectors [rows, number] and their sizes, nearly: by a
    few rounds of subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011).
    """
    wide = min(number + _SPARE, matrix.shape[0])
    basis = np.random.default_rng(0).standard_normal((matrix.shape[0], wide))
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(matrix @ (matrix.T @ basis))
    turn, sizes, _ = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return (basis @ turn)[:, :number], sizes[:number]


def _neighbours(documents: Iterable[list[int]], vocabulary: int) -> csr_array:
    """How often each token stands before and after each: [vocabulary, 2 · vocabulary]."""
    gap = [-1] * _REACH
    text = np.array([token for document in documents for token in [*document, *gap]], np.int64)
    counts = csr_array((vocabulary, 2 * vocabulary))
    for distance in range(1, _REACH + 1):
        left, right = text[:-distance], text[distance:]
        beside = (left >= 0) & (right >= 0)
        left, right = left[beside], right[beside]
        pairs = np.r_[right, left], np.r_[left, right + vocabulary]
        shares = np.full(len(pairs[0]), 1 / distance)
        counts = counts + coo_array((shares, pairs), shape=counts.shape).tocsr()
    return counts
