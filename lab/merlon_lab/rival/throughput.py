"""`python -m merlon_lab.rival.throughput`: rows a second of training and of loading, beside RecBole, alternating in one run on one thread.

Each side runs in a process of its own, with the memory settings that it makes. Data: made, as many ids and numbers as `--fields` says, ids skewed as in a shop. DCN-v2 beside RecBole's DCNV2; DLRM beside RecBole's PNN, which has the same
parts (embeddings, inner products of pairs, a perceptron): RecBole has no DLRM. Seconds are CPU time, the median of the rounds.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from ..architectures import architecture
from ..loader import Loader, open_dataset
from ..memory import keep_memory
from ..options import parse_options
from ..report import table
from ..schema import Column, Schema
from ..tasks.ranking import RankingTask
from ..training import TrainingOptions, make_optimisers
from .recbole_runs import COMMON, old_names, write_file

BATCH = 2048
DEEP = {"embedding_size": 16, "mlp_hidden_size": [64, 32], "dropout_prob": 0.1}


def make_rows(rows: int, fields: int, numbers: int, seed: int = 0) -> tuple[pa.Table, list[int]]:
    rng = np.random.default_rng(seed)
    sizes = [int(s) for s in np.geomspace(20_000, 10, fields)]
    names = ["user_id", "item_id", *(f"c{i}" for i in range(2, fields))]
    columns = {name: (size * rng.random(rows) ** 2).astype(np.int64) for name, size in zip(names, sizes)}
    columns |= {f"n{i}": rng.random(rows).astype(np.float32) for i in range(numbers)}
    columns["label"] = (rng.random(rows) < 0.3).astype(np.float32)
    return pa.table(columns), sizes


def ours(data: pa.Table, sizes: list[int], folder: Path) -> dict[str, Callable[[], None]]:
    keep_memory()
    pq.write_table(data, folder / "rows.parquet", row_group_size=1 << 16)
    ids, numbers = data.column_names[: len(sizes)], [n for n in data.column_names if n.startswith("n")]
    columns = [Column(n, "int64", frozenset({"categorical"}), s) for n, s in zip(ids, sizes)]
    columns += [Column(n, "float32", frozenset({"continuous"}), None) for n in numbers]
    schema = Schema((*columns, Column("label", "float32", frozenset({"target", "binary"}), None)))
    loader = Loader(open_dataset(folder / "rows.parquet", schema.columns), BATCH)

    def load() -> None:
        for _ in loader:
            pass

    def training(name: str) -> Callable[[], None]:
        found = architecture(name)
        assert found.build is not None
        model = found.build(schema, parse_options(found.options, ["dim=16", "hidden=64,32", "dropout=0.1"]))
        task, optimisers = RankingTask(model, schema), make_optimisers(model, TrainingOptions())

        def epoch() -> None:
            model.train()
            for batch in loader:
                loss = task.loss(batch)
                for optimiser in optimisers:
                    optimiser.zero_grad()
                loss.backward()
                for optimiser in optimisers:
                    optimiser.step()

        return epoch

    return {"loader": load, "dcn_v2": training("dcn_v2"), "dlrm": training("dlrm")}


def theirs(data: pa.Table, sizes: list[int], folder: Path) -> dict[str, Callable[[], None]]:
    old_names()
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    (folder / "rows").mkdir()
    kinds = [f"{n}:token" if i < len(sizes) else f"{n}:float" for i, n in enumerate(data.column_names)]
    write_file(data.rename_columns(kinds), folder / "rows" / "rows.inter")
    made: dict[str, Callable[[], None]] = {}
    settings: dict[str, dict[str, Any]] = {
        "dcn_v2": {"model": "DCNV2", "mixed": False, "structure": "parallel", "cross_layer_num": 3},
        "dlrm": {"model": "PNN"},
    }
    for ours_name, given in settings.items():
        given = dict(given)
        model_name = given.pop("model")
        columns = {"inter": data.column_names}
        split = {"split": {"RS": [1.0, 0.0, 0.0]}, "order": "RO", "group_by": "none", "mode": "labeled"}
        more: dict[str, Any] = {
            "data_path": str(folder),
            "load_col": columns,
            "eval_args": split,
            "train_neg_sample_args": None,
            "LABEL_FIELD": "label",
            "train_batch_size": BATCH,
        }
        more |= {
            "metrics": ["AUC"],
            "valid_metric": "AUC",
            "checkpoint_dir": str(folder / "checkpoints"),
            "numerical_features": [n for n in data.column_names if n.startswith("n")],
        }
        config = Config(model=model_name, dataset="rows", config_dict={**COMMON, **more, **DEEP, **given})
        init_seed(1, True)
        train = data_preparation(config, create_dataset(config))[0]
        model = get_model(config["model"])(config, train.dataset)
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
        made[ours_name] = lambda trainer=trainer, train=train: trainer._train_epoch(train, 0, show_progress=False)  # type: ignore[misc]
        made["loader"] = lambda train=train: [None for _ in train] and None  # type: ignore[misc, assignment]
    return made


SIDES: dict[str, Callable[[pa.Table, list[int], Path], dict[str, Callable[[], None]]]] = {"merlon-lab": ours, "RecBole": theirs}


def answer(side: str, shape: tuple[int, int, int], asked: Connection) -> None:
    """In a process of its own: CPU seconds of each work that is asked for."""
    torch.set_num_threads(1)
    sys.argv = sys.argv[:1]  # RecBole reads them, too
    data, sizes = make_rows(*shape)
    with tempfile.TemporaryDirectory() as folder:
        works = SIDES[side](data, sizes, Path(folder))
        while work := asked.recv():
            started = time.process_time()
            works[work]()
            asked.send(time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(prog="merlon_lab.rival.throughput", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--fields", type=int, default=16)
    parser.add_argument("--numbers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    asked: dict[str, Connection] = {}
    for side in SIDES:
        asked[side], theirs_end = spawn.Pipe()
        spawn.Process(target=answer, args=(side, (given.rows, given.fields, given.numbers), theirs_end), daemon=True).start()
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(given.rounds + 1):
        for work in ("loader", "dcn_v2", "dlrm"):
            for side, pipe in asked.items():
                pipe.send(work)
                took = pipe.recv()
                if turn:  # the first round warms up
                    seconds.setdefault((work, side), []).append(took)
    for pipe in asked.values():
        pipe.send("")
    rows = []
    for work, rival in (("loader", "its loader"), ("dcn_v2", "DCNV2"), ("dlrm", "PNN")):
        mine, other = (given.rows / statistics.median(seconds[work, side]) for side in SIDES)
        rows.append([f"{work} / {rival}", f"{mine:,.0f}", f"{other:,.0f}", f"{mine / other:.1f}×"])
    print(table(rows, ["rows a CPU second", "merlon-lab", "RecBole", "ratio"]))


if __name__ == "__main__":
    main()
