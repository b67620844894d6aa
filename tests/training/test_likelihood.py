"""Likelihoods in pieces equal torch's own log-softmax, gradients included."""

import torch

from ledgerline.training.likelihood import likelihood

NUMBER, WIDTH, VOCABULARY = 601, 16, 90
TEMPERATURE = 0.7


def tensors():
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(NUMBER, WIDTH, generator=generator).requires_grad_()
    head = torch.randn(VOCABULARY, WIDTH, generator=generator).requires_grad_()
    tokens = torch.randint(0, VOCABULARY, (NUMBER,), generator=generator)
    return states, head, tokens, torch.randn(NUMBER, generator=generator)


def test_pieces_equal_the_whole():
    states, head, tokens, weights = tensors()
    found, entropy = likelihood(states, head, tokens, TEMPERATURE)
    (found * weights).sum().backward()
    other, other_head = states.detach().requires_grad_(), head.detach().requires_grad_()
    scores = (other @ other_head.t() / TEMPERATURE).log_softmax(-1)
    expected = scores.gather(-1, tokens[:, None]).squeeze(-1)
    (expected * weights).sum().backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(entropy, -(scores.exp() * scores).sum(-1).detach())
    torch.testing.assert_close(states.grad, other.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(head.grad, other_head.grad, atol=1e-4, rtol=1e-4)


def test_what_is_nearly_sure_keeps_its_gradient_in_half_precision():
    head = torch.eye(4, dtype=torch.bfloat16)
    states = torch.tensor([[8.0, 0.0, 0.0, 0.0]], dtype=torch.bfloat16, requires_grad=True)
    found, _ = likelihood(states, head, torch.tensor([0]), 1.0)
    found.sum().backward()
    rest = 1 - float(found.exp())
    assert rest < 2**-9  # bfloat16 would say that nothing is left
    assert abs(float(states.grad[0, 0]) / rest - 1) < 0.01
