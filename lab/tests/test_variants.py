"""The loss of smaller files is measured on the files: of rows, and of two sides."""

from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from made import make_pairs, make_sessions
from onnxruntime.quantization import quantize_dynamic

from merlon_lab.cli import main
from merlon_lab.export.variants import VARIANTS


def test_smaller_files_lose_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = make_pairs(tmp_path / "pairs", 1500)
    # Wide & deep multiplies its numbers with a vector, which int8 has no product for.
    for name, more in (("wide_and_deep", ["--target", "purchase"]), ("mf", [])):
        files = ["--schema", str(pairs), "--data", str(pairs / "train.parquet"), "--valid", str(pairs / "valid.parquet"), "--out", str(tmp_path / name)]
        main(["train", name, *files, *more, "--epochs", "2", "--lr", "0.01"])
    capsys.readouterr()
    main(["variants", str(tmp_path / "wide_and_deep"), str(tmp_path / "mf"), "--data", str(pairs / "valid.parquet")])
    head, rows = _read(capsys.readouterr().out)
    assert head[:5] == ["model", "metric", "float32", "int8", "half"]
    assert [row[:2] for row in rows] == [["wide_and_deep", "purchase/auc"], ["mf", "ndcg@10"]]
    _check(rows)


@pytest.mark.parametrize("name", ["mlp", "dlrm", "wide_and_deep"])
@pytest.mark.parametrize("precision", ["float32", "half", "int8"])
def test_an_odd_row_changes_no_other(tmp_path: Path, name: str, precision: str) -> None:
    """As served: a batch has rows of several requests, and each has the answer that it has alone."""
    pairs = make_pairs(tmp_path / "pairs", 600)
    files = ["--schema", str(pairs), "--data", str(pairs / "train.parquet"), "--valid", str(pairs / "valid.parquet"), "--out", str(tmp_path / "run")]
    main(["train", name, *files, "--target", "purchase", "--epochs", "1", "--lr", "0.01"])
    main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "models"), "--precision", precision])
    session = onnxruntime.InferenceSession(tmp_path / "models" / "model.onnx", providers=["CPUExecutionProvider"])
    read = pq.read_table(pairs / "valid.parquet").slice(0, 64)
    feeds = {tensor.name: read[tensor.name].to_numpy() for tensor in session.get_inputs()}
    alone = np.concatenate([session.run(None, {k: v[i : i + 1] for k, v in feeds.items()})[0] for i in range(64)])
    odd = feeds["price"].copy()
    odd[17] = 5000
    (together,) = session.run(None, {**feeds, "price": odd})
    others = np.arange(64) != 17
    np.testing.assert_allclose(together[others], alone[others], rtol=0, atol=1e-3 if precision == "half" else 1e-6)


def test_an_export_whose_rows_share_a_scale_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime's own dynamic quantization has one scale for the activations of a batch."""
    pairs = make_pairs(tmp_path / "pairs", 600)
    files = ["--schema", str(pairs), "--data", str(pairs / "train.parquet"), "--valid", str(pairs / "valid.parquet"), "--out", str(tmp_path / "run")]
    main(["train", "mlp", *files, "--target", "purchase", "--epochs", "1", "--lr", "0.01"])
    monkeypatch.setitem(VARIANTS, "int8", lambda source, target: quantize_dynamic(source, target))
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "models"), "--precision", "int8"])
    assert "model.onnx: a large number in one row changes the answers of other rows by" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def _read(printed: str) -> tuple[list[str], list[list[str]]]:
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.strip().splitlines()]
    return head, rows


def _check(rows: list[list[str]]) -> None:
    for row in rows:
        assert abs(float(row[5])) < 0.05 and abs(float(row[6])) < 0.005
        float32, int8, half = (int(size) for size in row[7:])
        assert int8 < half < float32


def test_half_precision_of_a_gru(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime has no GRU in float16, and crashes if it moves a cast through a neighbor of one. The session is therefore opened and run here."""
    sessions = make_sessions(tmp_path / "sessions", 300)
    files = ["--schema", str(sessions), "--data", str(sessions / "train.parquet"), "--valid", str(sessions / "valid.parquet"), "--out", str(tmp_path / "gru")]
    main(["train", "gru", *files, "--epochs", "2", "--lr", "0.02", "--set", "dim=16", "--set", "length=8"])
    capsys.readouterr()
    main(["variants", str(tmp_path / "gru"), "--data", str(sessions / "valid.parquet")])
    _, rows = _read(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["gru", "ndcg@10"]]
    _check(rows)
