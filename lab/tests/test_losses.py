"""Each loss against its formula, written out for two rows."""

import math

import pytest
import torch

from merlon_lab.losses import POINT_LOSSES, RANKING_LOSSES

POSITIVE = torch.tensor([1.0, -0.5])
NEGATIVE = torch.tensor([[0.5, 2.0], [-1.0, 9.0]])
VALID = torch.tensor([[True, True], [True, False]])
PAIRS = [(1.0, 0.5), (1.0, 2.0), (-0.5, -1.0)]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


EXPECTED = {
    "bpr": mean([-math.log(sigmoid(p - n)) for p, n in PAIRS]),
    "top1": mean([sigmoid(n - p) + sigmoid(n * n) for p, n in PAIRS]),
    "logistic": (mean([-math.log(sigmoid(p)) for p in (1.0, -0.5)]) + mean([-math.log(1 - sigmoid(n)) for _, n in PAIRS])) / 2,
    "hinge": mean([max(0, 1 - p + n) for p, n in PAIRS]),
    "adaptive_hinge": mean([max(0, 1 - 1.0 + 2.0), max(0, 1 + 0.5 - 1.0)]),
    "softmax": mean([-1.0 + math.log(math.exp(1) + math.exp(0.5) + math.exp(2)), 0.5 + math.log(math.exp(-0.5) + math.exp(-1))]),
}


@pytest.mark.parametrize("name", RANKING_LOSSES)
def test_ranking_loss(name: str) -> None:
    assert float(RANKING_LOSSES[name](POSITIVE, NEGATIVE, VALID)) == pytest.approx(EXPECTED[name], rel=1e-5)


def test_point_losses() -> None:
    logits, labels = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 1.0])
    assert float(POINT_LOSSES["binary_cross_entropy"](logits, labels)) == pytest.approx(mean([-math.log(sigmoid(2)), -math.log(sigmoid(-1))]))
    assert float(POINT_LOSSES["hinge"](logits, labels)) == pytest.approx(1.0)
    assert float(POINT_LOSSES["squared_error"](logits, labels)) == pytest.approx(2.5)
