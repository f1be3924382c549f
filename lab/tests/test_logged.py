"""Training on logged clicks whose truth is known: weights and positions recover an order that the clicks alone get wrong."""

import json
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from made import feature, write_schema

from merlon_lab.blocks.position import CERTAIN, PositionTerm
from merlon_lab.cli import main
from merlon_lab.evaluate import evaluate
from merlon_lab.logged import Logged, RowWeights, raw_weights
from merlon_lab.metrics import auc, log_loss
from merlon_lab.run import load_run

ITEMS = 6
LIKED = np.array([0.75, 0.65, 0.55, 0.45, 0.35, 0.25])
"""Probability of a click on an examined item, by item: the truth. Ids begin at 3."""
EXAMINED = np.array([1.0, 0.45, 0.2, 0.1])
"""Probability that a position is examined."""


def draw_list(rng: np.random.Generator, scores: np.ndarray, length: int) -> tuple[list[int], list[float]]:
    """A draw without replacement by softmax, as `softmaxSampling` does, and the probability of each position given those above."""
    weights = np.exp(scores)
    chosen: list[int] = []
    chances: list[float] = []
    for _ in range(length):
        p = weights / weights.sum()
        item = int(rng.choice(len(p), p=p))
        chosen.append(item)
        chances.append(float(p[item]))
        weights[item] = 0
    return chosen, chances


def write(folder: Path, columns: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    table = pa.table(columns)
    cut = table.num_rows * 4 // 5
    pq.write_table(table.slice(0, cut), folder / "train.parquet", row_group_size=1500)
    pq.write_table(table.slice(cut), folder / "valid.parquet")
    return write_schema(folder, [feature("item_id", cardinality=ITEMS + 3, tags=("item", "id"))])


def make_positions(folder: Path, lists: int = 6000) -> Path:
    """The served scores are the reverse of the truth, so that the best items are mostly shown at positions that few users examine."""
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(lists):
        chosen, chances = draw_list(rng, np.arange(ITEMS) * 0.7, len(EXAMINED))
        for k, (item, p) in enumerate(zip(chosen, chances)):
            rows.append((item + 3, k + 1, p, int(rng.random() < EXAMINED[k] * LIKED[item])))
    item, position, propensity, label = (np.array(column) for column in zip(*rows))
    return write(folder, {"item_id": item, "position": position.astype(np.int32), "propensity": propensity, "label": label})


def make_selection(folder: Path, lists: int = 30000) -> Path:
    """Lists of one item. The policy shows bad items to users who click on everything, which the model does not see (Simpson's paradox)."""
    rng = np.random.default_rng(2)
    eager = rng.random(lists) < 0.5
    order = np.arange(ITEMS) * 0.6
    p = np.where(eager[:, None], order, -order)
    p = np.exp(p) / np.exp(p).sum(1, keepdims=True)
    item = (p.cumsum(1) > rng.random((lists, 1))).argmax(1)
    label = rng.random(lists) < LIKED[item] * np.where(eager, 1.0, 0.1)
    return write(folder, {"item_id": item + 3, "propensity": p[np.arange(lists), item], "label": label.astype(np.int32)})


def trained(data: Path, run: Path, *options: str, architecture: str = "mlp") -> list[int]:
    """Trains, and returns the items in the order of the served model, best first."""
    files = ["--schema", str(data), "--data", str(data / "train.parquet"), "--valid", str(data / "valid.parquet"), "--out", str(run)]
    main(["train", architecture, *files, "--target", "label", "--lr", "0.02", "--batch", "512", "--epochs", "15", *options])
    model = load_run(run).model
    if architecture != "mlp":
        from merlon_lab.forest import predict

        return (-predict(model, np.arange(3, ITEMS + 3, dtype=np.float32)[:, None])).argsort(kind="stable").tolist()
    with torch.no_grad():
        logits = model({"item_id": torch.arange(3, ITEMS + 3)})
    order: list[int] = (-logits[:, 0]).argsort(stable=True).tolist()
    return order


TRUTH = list(range(ITEMS))


@pytest.fixture(scope="module")
def positions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_positions(tmp_path_factory.mktemp("logged") / "positions")


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_selection(tmp_path_factory.mktemp("logged") / "selection")


def test_an_examination_model_recovers_the_order_that_positions_hide(positions: Path, tmp_path: Path) -> None:
    assert trained(positions, tmp_path / "plain") != TRUTH
    assert trained(positions, tmp_path / "examined", "--position", "position") == TRUTH
    metrics = json.loads((tmp_path / "examined" / "metrics.json").read_text())
    assert metrics["monitor"] == "logged_loss"
    assert metrics["positions"]["label"][: len(EXAMINED)] == pytest.approx(EXAMINED, abs=0.06)
    # The served model has probabilities of clicks on examined items.
    model = load_run(tmp_path / "examined").model
    with torch.no_grad():
        liked = model({"item_id": torch.arange(3, ITEMS + 3)}).sigmoid()[:, 0]
    assert liked.numpy() == pytest.approx(LIKED, abs=0.12)


def test_an_additive_term_recovers_it_too(positions: Path, tmp_path: Path) -> None:
    assert trained(positions, tmp_path / "added", "--position", "position", "--position-model", "additive") == TRUTH


@pytest.mark.parametrize("architecture", ["mlp", "xgboost", "lightgbm"])
def test_inverse_propensities_recover_the_order_that_a_policy_hides(selection: Path, tmp_path: Path, architecture: str) -> None:
    assert trained(selection, tmp_path / "plain", architecture=architecture) != TRUTH
    assert trained(selection, tmp_path / "weighted", "--propensity", "propensity", architecture=architecture) == TRUTH
    weights = json.loads((tmp_path / "weighted" / "metrics.json").read_text())["weights"]
    assert weights["clipped"] == 0
    table = pq.read_table(selection / "train.parquet")
    inverse = 1 / table["propensity"].to_numpy()
    assert weights["effective_rows"] == pytest.approx(inverse.sum() ** 2 / (inverse**2).sum(), rel=1e-4)


def test_the_position_is_no_input_of_the_exported_model_and_a_run_measures_the_same_again(positions: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(positions, run, "--position", "position", "--propensity", "propensity", "--clip", "5", "--epochs", "1")
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["weights"]["clipped"] > 0
    assert evaluate(run, [str(positions / "valid.parquet")]) == pytest.approx(metrics["best"])
    main(["export", str(run), "--out", str(tmp_path / "onnx")])
    graph = onnx.load(tmp_path / "onnx" / "model.onnx").graph
    assert [value.name for value in graph.input] == ["item_id"]
    assert sum(np.prod(tensor.dims) for tensor in graph.initializer if "values" in tensor.name) == 0


def test_weights_are_clipped_and_have_a_mean_of_one() -> None:
    table = {"weight": torch.tensor([1.0, 2.0, 1.0]), "propensity": torch.tensor([0.5, 0.1, 1e-9])}
    logged = Logged("weight", "propensity", clip=5)
    assert raw_weights(logged, table).tolist() == [2, 10, 5]
    weights = RowWeights(logged, mean=17 / 3).of(table)
    assert weights is not None and float(weights.mean()) == pytest.approx(1)
    assert RowWeights(Logged()).of(table) is None


def test_the_loss_of_examined_clicks_is_that_of_its_probability_also_where_it_is_certain() -> None:
    term = PositionTerm(torch.nn.Identity(), "position", "examination", 1)
    for logit, position in [(0.3, -1.2), (4.0, CERTAIN), (60.0, CERTAIN), (-60.0, 0.5)]:
        p = torch.tensor([logit], dtype=torch.float64), torch.tensor([position], dtype=torch.float64)
        click = torch.sigmoid(p[0]) * torch.sigmoid(p[1])
        for label in (0.0, 1.0):
            found = term.click_loss(*p, torch.tensor([label], dtype=torch.float64))
            # 1 − p in a form that does not cancel.
            other = torch.sigmoid(-p[1]) + torch.sigmoid(p[1]) * torch.sigmoid(-p[0])
            assert float(found) == pytest.approx(-float(torch.log(click if label else other)), rel=1e-9, abs=1e-12)


def test_positions_beyond_the_last_share_its_value_and_the_first_is_fixed() -> None:
    term = PositionTerm(torch.nn.Identity(), "position", "additive", 2)
    with torch.no_grad():
        term.values[:, -1] = torch.tensor([7.0, 8.0])
    found = term.of({"position": torch.tensor([1.0, 2.0, 100.0, 5000.0])})
    assert found.tolist() == [[0, 0], [0, 0], [7, 8], [7, 8]]


def test_weighted_metrics_are_those_of_repeated_rows() -> None:
    rng = np.random.default_rng(3)
    scores, labels, times = rng.integers(0, 9, 200) / 9, rng.integers(0, 2, 200), rng.integers(0, 4, 200)
    scores = scores.clip(0.05, 0.95)
    repeated = np.repeat(np.arange(200), times)
    assert auc(scores, labels, times) == pytest.approx(auc(scores[repeated], labels[repeated]))
    assert log_loss(scores, labels, times) == pytest.approx(log_loss(scores[repeated], labels[repeated]))
    assert np.isnan(auc(scores, np.ones(200), times))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"propensity": [0.5, 0.0]}, ["--propensity", "propensity"], "`propensity` is 0 in row 1: the propensity of a shown row is above 0"),
        ({"propensity": [0.5, 1.5]}, ["--propensity", "propensity"], "`propensity` is 1.5 in row 1"),
        ({"propensity": [0.5, None]}, ["--propensity", "propensity"], "`propensity` has 1 nulls. Leave rows without it out"),
        ({"position": [1, 0]}, ["--position", "position"], "`position` is 0 in row 1: positions are whole numbers from 1"),
        ({"position": [1.0, 1.5]}, ["--position", "position"], "`position` is 1.5 in row 1"),
        ({"weight": [1.0, -1.0]}, ["--weight", "weight"], "`weight` is -1 in row 1: a weight is 0 or more"),
        ({"weight": [0.0, 0.0]}, ["--weight", "weight"], "All weights of the training rows are 0 (`weight`)"),
        ({}, ["--weight", "weight"], "lacks `weight`"),
        ({}, ["--weight", "label"], "`label` is the target"),
        ({"p": [0.5, 0.5]}, ["--weight", "p", "--propensity", "p"], "a column has one role"),
        ({"position": [1, 2]}, ["--position", "position", "--loss", "hinge"], "Take `--position-model additive`"),
    ],
)
def test_bad_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: dict, options: list[str], message: str) -> None:
    data = write(tmp_path / "data", {"item_id": np.array([3, 4])})
    for name in ("train", "valid"):
        pq.write_table(pa.table({"item_id": [3, 4], "label": [0, 1], **columns}), data / f"{name}.parquet")
    with pytest.raises(SystemExit):
        trained(data, tmp_path / "run", *options)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        ("xgboost", ["--position", "position"], "`xgboost` has no term for positions"),
        ("mf", ["--propensity", "propensity"], "`mf` learns from pairs or sessions"),
    ],
)
def test_models_without_rows(positions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], architecture: str, options: list[str], message: str) -> None:
    with pytest.raises(SystemExit):
        trained(positions, tmp_path / "run", *options, architecture=architecture)
    assert message in capsys.readouterr().err
