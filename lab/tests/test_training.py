"""Two processes learn what one learns; a run can be evaluated again; the seed decides."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made import make_pairs

from merlon_lab.cli import main
from merlon_lab.evaluate import evaluate


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
