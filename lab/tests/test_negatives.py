"""Negatives are drawn at their stated rates, and a softmax corrected by that does not favor frequent ones."""

import torch

from merlon_lab.negatives import NEGATIVES, CrossBatch


def test_drawn_as_often_as_log_q_says() -> None:
    torch.manual_seed(0)
    counts = torch.tensor([1, 10, 100, 1000])
    for name in ("uniform", "popularity"):
        drawn = NEGATIVES[name](counts, 20_000, True).draw(torch.zeros(3, dtype=torch.int64))
        share = torch.bincount(drawn.items, minlength=4) / 20_000
        q = torch.zeros(4).scatter(0, drawn.items, drawn.log_q.exp())
        assert torch.allclose(share, q, atol=0.01), name


def test_each_row_its_own() -> None:
    drawn = NEGATIVES["uniform"](torch.ones(5), 7, False).draw(torch.arange(3))
    assert drawn.items.shape == drawn.log_q.shape == (3, 7)


def test_cross_batch_remembers_the_newest() -> None:
    bank = CrossBatch(torch.ones(10), 3)
    bank.remember(torch.tensor([0, 1]), torch.zeros(2, 4))
    bank.remember(torch.tensor([2, 3]), torch.ones(2, 4, requires_grad=True))
    drawn = bank.draw(torch.tensor([9]))
    assert drawn.items.tolist() == [9, 2, 3, 0]
    assert drawn.vectors is not None and drawn.vectors.shape == (3, 4) and not drawn.vectors.requires_grad


def test_log_q_undoes_popularity() -> None:
    """Scores that are all equal: with the correction, a popular item's loss is that of a rare one."""
    from merlon_lab.losses import softmax

    counts = torch.tensor([900.0, 100.0])
    log_q = (counts / counts.sum()).log()
    items = torch.tensor([0] * 9 + [1])
    negative = (torch.zeros(10) - log_q[items]).expand(2, -1)
    positive = torch.zeros(2) - log_q
    full = softmax(positive, negative, torch.ones(2, 10, dtype=torch.bool))
    assert torch.isfinite(full)
    # 9/0.9 + 1/0.1 = 20: each of the two items weighs ten, as it should when both are all there is.
    assert torch.allclose(torch.logsumexp(negative[0], 0).exp(), torch.tensor(20.0))
