"""Baselines, and the table that sets runs beside them."""

from pathlib import Path

import pytest
from made import make_pairs, make_sessions, with_history

from merlon_lab.baseline import baselines
from merlon_lab.cli import main
from merlon_lab.schema import read_schema, with_targets


def test_models_beat_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = make_pairs(tmp_path / "pairs")
    data = ["--schema", str(pairs), "--data", str(pairs / "train.parquet"), "--valid", str(pairs / "valid.parquet"), "--target", "purchase"]
    rivals, run = tmp_path / "baselines.json", tmp_path / "dlrm"
    main(["baseline", *data, "--out", str(rivals)])
    main(["train", "dlrm", *data, "--out", str(run), "--epochs", "8", "--lr", "0.01", "--batch", "256", "--set", "dropout=0"])
    capsys.readouterr()
    main(["table", str(run), "--baseline", str(rivals), "--metric", "purchase/auc"])
    head, _, model, popular, regression = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.strip().splitlines()]
    assert head == ["model", "purchase/auc", "purchase/auc over popularity", "purchase/auc over logistic regression"]
    assert [model[0], popular[0], regression[0]] == ["dlrm", "popularity", "logistic regression"]
    # A purchase hangs on a taste that both sides share, which no sum over one side can say.
    assert float(model[3]) == pytest.approx(float(model[1]) - float(regression[1]), abs=2e-4)
    assert float(model[2]) > 0.05 and float(model[3]) > 0.02


def test_the_regression_sees_each_column(tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path)
    schema = with_targets(read_schema(pairs), ["purchase"])
    found = baselines(schema, [str(pairs / "train.parquet")], [str(pairs / "valid.parquet")])
    # The price alone decides most purchases, and popularity has no price.
    assert found["logistic regression"]["purchase/auc"] > 0.7 > found["popularity"]["purchase/auc"]


def test_popularity_ranks_pairs_and_sessions(tmp_path: Path) -> None:
    pairs, sessions = make_pairs(tmp_path / "pairs"), make_sessions(tmp_path / "sessions")
    for schema, folder in ((pairs, pairs), (with_history(pairs), pairs), (sessions, sessions)):
        found = baselines(read_schema(schema), [str(folder / "train.parquet")], [str(folder / "valid.parquet")])
        assert 0 < found["popularity"]["ndcg@10"] < 0.5


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = make_pairs(tmp_path / "pairs", 600)
    data = ["--schema", str(pairs), "--data", str(pairs / "train.parquet"), "--valid", str(pairs / "valid.parquet")]
    run = tmp_path / "mlp"
    main(["train", "mlp", *data, "--target", "click", "--out", str(run), "--epochs", "1"])
    for arguments, wanted in (
        (["baseline", *data, "--target", "stars:regression"], "`stars` is a regression target"),
        (["table", str(run), "--metric", "ndcg@10"], "has no metric `ndcg@10`; it has click/auc"),
        (["table", str(run), "--baseline", str(tmp_path / "none.json")], "`merlon-lab baseline --out"),
        (["table", str(tmp_path / "nowhere")], "is no finished run"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert wanted in capsys.readouterr().err
