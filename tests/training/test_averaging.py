"""The running average of the weights: what it is, and that borrowing it leaves no trace."""

import pytest
import torch

from ledgerline.training.averaging import Average


def one_weight(value: float) -> torch.nn.Module:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, value)
    return model


def walk(model: torch.nn.Module, average: Average, values: list[float]) -> None:
    for step, value in enumerate(values):
        torch.nn.init.constant_(model.weight, value)
        average.update(step)


def borrow_and_fail(model: torch.nn.Module, average: Average) -> None:
    with average.in_place():
        assert model.weight.item() == pytest.approx(4.0, rel=1e-4)
        raise ZeroDivisionError


def test_it_keeps_its_share_once_enough_steps_are_behind_it():
    model = one_weight(0.0)
    average = Average(model, kept=0.5)
    walk(model, average, [8.0] * 30)
    torch.nn.init.constant_(model.weight, 0.0)
    average.update(30)
    assert average.state()["weight"].item() == pytest.approx(4.0, rel=1e-4)


def test_what_it_began_with_is_soon_forgotten():
    model = one_weight(100.0)
    average = Average(model, kept=0.95)
    walk(model, average, [1.0] * 40)
    assert average.state()["weight"].item() == pytest.approx(1.0, abs=0.1)


def test_with_nothing_kept_it_is_the_weights():
    model = one_weight(3.0)
    average = Average(model, kept=0.0)
    walk(model, average, [5.0, -2.0])
    assert average.state()["weight"].item() == -2.0


def test_the_model_has_it_for_a_while_only_even_where_that_fails():
    model = one_weight(0.0)
    average = Average(model, kept=0.5)
    walk(model, average, [8.0] * 30 + [0.0])
    with pytest.raises(ZeroDivisionError):
        borrow_and_fail(model, average)
    assert model.weight.item() == 0.0
    average.give()
    assert model.weight.item() == pytest.approx(4.0, rel=1e-4)


def test_only_what_is_trained_is_averaged():
    model = torch.nn.Linear(1, 1)
    model.weight.requires_grad_(False)
    assert set(Average(model, 0.5).state()) == {"bias"}
