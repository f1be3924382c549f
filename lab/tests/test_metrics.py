"""Metrics against scikit-learn and against what RecBole 1.2.1 answers for the same ranking (`recbole_metrics.py` made the fixture)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from merlon_lab.metrics import auc, hits_at, log_loss, ranking_metrics, rmse, sampled_metrics, sampled_ranks

RECBOLE = json.loads((Path(__file__).parent / "recbole_metrics.json").read_text())


def test_ranking_metrics_are_recboles() -> None:
    """40 users with one to nine relevant of 60 items."""
    scores, wanted = torch.tensor(RECBOLE["scores"]), torch.tensor(RECBOLE["wanted"]).bool()
    hits, counts = hits_at(scores, wanted, None, 20)
    ours = ranking_metrics(hits, counts, (5, 20))
    for name, theirs in RECBOLE["metrics"].items():
        assert ours[name] == pytest.approx(theirs, abs=6e-5), name


def test_known_items_are_not_shown_and_users_without_wishes_do_not_count() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    wanted = torch.tensor([[False, True, False], [False, False, False]])
    known = torch.tensor([[True, False, False], [False, False, False]])
    hits, counts = hits_at(scores, wanted, known, 1)
    assert hits.tolist() == [[True]]
    assert counts.tolist() == [1]


def test_sampled_metrics_by_hand() -> None:
    scores = torch.tensor([[0.5, 0.9, 0.1, 0.5]])
    places = sampled_ranks(scores, torch.tensor([0]), torch.tensor([[1, 2, 3, 0]]))
    # One is better, one is equal and counts half; the row's own item among the candidates does not count.
    assert places.tolist() == [1.5]
    assert sampled_metrics(places, (1, 2))["sampled_hit@1"] == 0
    assert sampled_metrics(places, (2,))["sampled_mrr@2"] == pytest.approx(1 / 2.5)


def test_probabilities_are_sklearns() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(500) < 0.3).astype(float)
    p = np.round(np.clip(rng.random(500) * 0.6 + labels * 0.3, 0.01, 0.99), 2)
    assert auc(p, labels) == pytest.approx(sklearn_metrics.roc_auc_score(labels, p))
    assert log_loss(p, labels) == pytest.approx(sklearn_metrics.log_loss(labels, p))
    assert rmse(p, labels) == pytest.approx(np.sqrt(sklearn_metrics.mean_squared_error(labels, p)))
    assert np.isnan(auc(p, np.ones(500)))
