"""What smaller files lose is measured on the files: of rows, and of two sides."""

from pathlib import Path

import pytest
from made import make_pairs, make_sessions

from merlon_lab.cli import main


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


def _read(printed: str) -> tuple[list[str], list[list[str]]]:
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.strip().splitlines()]
    return head, rows


def _check(rows: list[list[str]]) -> None:
    for row in rows:
        assert abs(float(row[5])) < 0.05 and abs(float(row[6])) < 0.005
        float32, int8, half = (int(size) for size in row[7:])
        assert int8 < half < float32


def test_half_precision_of_a_gru(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime has no GRU in float16, and crashes where it moves a cast through what stands beside one: the session is opened and asked here."""
    sessions = make_sessions(tmp_path / "sessions", 300)
    files = ["--schema", str(sessions), "--data", str(sessions / "train.parquet"), "--valid", str(sessions / "valid.parquet"), "--out", str(tmp_path / "gru")]
    main(["train", "gru", *files, "--epochs", "2", "--lr", "0.02", "--set", "dim=16", "--set", "length=8"])
    capsys.readouterr()
    main(["variants", str(tmp_path / "gru"), "--data", str(sessions / "valid.parquet")])
    _, rows = _read(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["gru", "ndcg@10"]]
    _check(rows)
