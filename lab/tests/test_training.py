"""Two processes learn the same as one, a run can be evaluated again, and the seed decides."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made import make_pairs

from merlon_lab.cli import main
from merlon_lab.evaluate import evaluate
from merlon_lab.training import products


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("training") / "pairs", 1500)


def command(pairs: Path, out: Path) -> list[str]:
    files = ["--data", str(pairs / "train.parquet"), "--valid", str(pairs / "valid.parquet"), "--out", str(out)]
    return ["train", "dlrm", "--schema", str(pairs), *files, "--target", "purchase", "--epochs", "2", "--batch", "200", "--lr", "0.01", "--set", "dropout=0"]


def metrics(run: Path) -> dict[str, float]:
    best: dict[str, float] = json.loads((run / "metrics.json").read_text())["best"]
    return best


def test_two_processes_learn_what_one_learns(pairs: Path, tmp_path: Path) -> None:
    main(command(pairs, tmp_path / "one"))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "merlon_lab"]
    ended = subprocess.run(
        [*torchrun, *command(pairs, tmp_path / "two")], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert ended.returncode == 0, ended.stderr
    one, two = metrics(tmp_path / "one"), metrics(tmp_path / "two")
    assert two == pytest.approx(one, abs=2e-4)
    assert one["purchase/auc"] > 0.7


def test_run_folder_is_whole_and_evaluates_to_the_same(pairs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    main(command(pairs, run))
    assert {p.name for p in run.iterdir()} == {".lock", "run.json", "model.pt", "metrics.json", "history.json", "curve.png"}
    assert evaluate(run, [str(pairs / "valid.parquet")]) == pytest.approx(metrics(run))
    main([*command(pairs, run), "--overwrite"])
    assert evaluate(run, [str(pairs / "valid.parquet")]) == pytest.approx(metrics(run))
    again = tmp_path / "again"
    main(command(pairs, again))
    assert metrics(again) == metrics(run)


def test_bfloat16_is_of_products_while_training(pairs: Path, tmp_path: Path) -> None:
    main([*command(pairs, tmp_path / "float32"), "--precision", "float32"])
    main([*command(pairs, tmp_path / "bfloat16"), "--precision", "bfloat16"])
    assert torch.get_float32_matmul_precision() == "highest"
    assert json.loads((tmp_path / "bfloat16" / "run.json").read_text())["training"]["precision"] == "bfloat16"
    saved = torch.load(tmp_path / "bfloat16" / "model.pt", weights_only=True)["model"]
    assert {tensor.dtype for tensor in saved.values() if tensor.is_floating_point()} == {torch.float32}
    assert metrics(tmp_path / "bfloat16") == pytest.approx(metrics(tmp_path / "float32"), abs=0.01)
    with products("bfloat16"):
        # 1 + 2^-12 is not a bfloat16: a processor that multiplies those rounds it to 1, another returns it.
        assert torch.get_float32_matmul_precision() == "medium"
        assert float((torch.full((64, 64), 1 + 2**-12) @ torch.eye(64))[0, 0]) in (1, 1 + 2**-12)
