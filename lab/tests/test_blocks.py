"""Blocks that are written out for speed do what the plain ones do."""

import pytest
import torch
from torch.nn import functional

from merlon_lab.blocks.cross import Cross
from merlon_lab.blocks.dropout import Dropout
from merlon_lab.blocks.inputs import Embeddings
from merlon_lab.schema import Column


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_crosses_and_their_gradient(depth: int) -> None:
    torch.manual_seed(1)
    cross = Cross(7, depth).double()
    x = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    wanted_x = x.detach().clone().requires_grad_()
    up = torch.randn(5, 7, dtype=torch.float64)
    trained = cross.train()(x)
    trained.backward(up)
    gradients = [p.grad.clone() for p in cross.parameters() if p.grad is not None]
    cross.zero_grad()
    plain = cross.eval()(wanted_x)
    plain.backward(up)
    torch.testing.assert_close(trained, plain)
    torch.testing.assert_close(x.grad, wanted_x.grad)
    assert len(gradients) == 2 * depth
    for seen, parameter in zip(gradients, cross.parameters()):
        torch.testing.assert_close(seen, parameter.grad)


def test_dropout_keeps_the_rate_and_the_mean() -> None:
    torch.manual_seed(2)
    x = torch.ones(333, 1001, requires_grad=True)
    dropout = Dropout(0.2)
    dropped = dropout(x)
    assert sorted(dropped.unique().tolist()) == [0, 1.25]
    assert abs(float((dropped == 0).float().mean()) - 0.2) < 0.003
    # Neighbors are from one random word.
    pairs = (dropped[:, :-1] == 0) & (dropped[:, 1:] == 0)
    assert abs(float(pairs.float().mean()) - 0.04) < 0.002
    dropped.sum().backward()
    torch.testing.assert_close(x.grad, dropped.detach())
    assert dropout.eval()(x) is x
    torch.manual_seed(2)
    torch.testing.assert_close(dropout.train()(x), dropped)


def test_look_up_has_an_embeddings_gradient() -> None:
    embeddings = Embeddings([Column("a", "int64", frozenset({"categorical"}), 9), Column("b", "int64", frozenset({"categorical"}), 4)], 3)
    inputs = {"a": torch.tensor([1, 8, 1, 0]), "b": torch.tensor([3, 3, 0, 2])}
    up = torch.randn(4, 2, 3)
    embeddings.train()(inputs).backward(up)
    seen = embeddings.weight.grad
    embeddings.weight.grad = None
    wanted = functional.embedding(torch.stack([inputs["a"], inputs["b"] + 9], dim=1), embeddings.weight)
    wanted.backward(up)
    assert torch.equal(embeddings(inputs), wanted)
    assert seen is not None and torch.equal(seen, embeddings.weight.grad)  # type: ignore[arg-type]
