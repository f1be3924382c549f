"""Trains RecBole's own models on our split, and scores our users and items with them."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import torch

from ..movielens import by_time, data_folder, read_tables

COMMON: dict[str, Any] = {
    "show_progress": False,
    "state": "CRITICAL",
    "stopping_step": 3,
    "eval_step": 1,
    "use_gpu": False,
    "metrics": ["NDCG"],
    "topk": [10],
    "valid_metric": "NDCG@10",
    "eval_batch_size": 1 << 20,
}
FEATURES = {"user": ["user_id", "age", "gender", "occupation"], "item": ["item_id", "release_year", "class"]}


def old_names() -> None:
    """RecBole 1.2.1 was written for NumPy 1 and an older PyTorch: names that were removed since, and checkpoints with more than tensors."""
    for name, value in {"float_": np.float64, "bool_": np.bool_, "unicode_": np.str_, "complex_": np.complex128}.items():
        if name not in np.__dict__:
            setattr(np, name, value)
    for plain in (float, int, bool, object, str):
        if plain.__name__ not in np.__dict__:
            setattr(np, plain.__name__, plain)
    if not hasattr(torch.load, "wraps"):
        load = torch.load

        def trusting(*arguments: Any, **options: Any) -> Any:
            return load(*arguments, **{**options, "weights_only": False})

        trusting.wraps = load  # type: ignore[attr-defined]
        torch.load = trusting


def write_atomic(tables: Path, folder: Path) -> None:
    """Our split in RecBole's file format: `ml.{train,valid,test}.inter` and `order/order.inter`, whose times are places in a user's history."""
    home = folder / "ml"
    home.mkdir(parents=True, exist_ok=True)
    for part in ("train", "valid", "test"):
        table = pq.read_table(tables / f"ratings-{part}.parquet", columns=["user_key", "item_key", "liked"])
        write_file(table.rename_columns(["user_id:token", "item_id:token", "label:float"]), home / f"ml.{part}.inter")
    for side in ("user", "item"):
        (home / f"ml.{side}").write_bytes((data_folder() / f"ml-100k.{side}").read_bytes())
    ratings, _, _ = read_tables(data_folder())
    place = np.zeros(len(ratings))
    for rows in by_time(ratings).values():
        place[rows] = np.arange(len(rows))
    (folder / "order").mkdir(exist_ok=True)
    ordered = pa.table({"user_id:token": ratings["user_id"], "item_id:token": ratings["item_id"], "timestamp:float": place})
    write_file(ordered, folder / "order" / "order.inter")


def write_file(table: pa.Table, path: Path) -> None:
    # Arrow quotes a header's names, which RecBole takes for part of them.
    with path.open("wb") as file:
        file.write(("\t".join(table.column_names) + "\n").encode())
        csv.write_csv(table, file, csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none"))


class Trained:
    """A RecBole model at its best epoch, called with raw ids."""

    def __init__(self, model: str, files: Path, seed: int, settings: dict[str, Any], kind: str):
        old_names()
        from recbole.config import Config
        from recbole.data import create_dataset, data_preparation
        from recbole.utils import get_model, get_trainer, init_seed

        with tempfile.TemporaryDirectory() as checkpoints:
            config = Config(
                model=model,
                dataset="order" if kind == "session" else "ml",
                config_dict={**COMMON, **_kind(kind, files), **settings, "seed": seed, "checkpoint_dir": checkpoints},
            )
            init_seed(seed, True)
            self.dataset = create_dataset(config)
            train, valid, _ = data_preparation(config, self.dataset)
            self.model = get_model(config["model"])(config, train.dataset)
            trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, self.model)
            started = time.process_time()
            trainer.fit(train, valid, saved=True, show_progress=False, verbose=False)
            self.seconds = time.process_time() - started
            self.model.load_state_dict(torch.load(trainer.saved_model_file)["state_dict"])
        self.model.eval()

    def ids(self, field: str, raw: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(np.asarray(self.dataset.token2id(field, [str(v) for v in raw]), dtype=np.int64))

    def score_rows(self, users: Sequence[int], items: Sequence[int]) -> np.ndarray:
        """float32, one for each pair."""
        from recbole.data.interaction import Interaction

        rows = self.dataset.join(Interaction({"user_id": self.ids("user_id", users), "item_id": self.ids("item_id", items)}))
        with torch.no_grad():
            return np.concatenate([self.model.predict(rows[i : i + 1 << 16]).numpy() for i in range(0, len(users), 1 << 16)])

    def score_all(self, users: Sequence[int], items: Sequence[int]) -> torch.Tensor:
        """float32 `[users, items]`."""
        from recbole.data.interaction import Interaction

        columns = self.ids("item_id", items)
        answers = []
        with torch.no_grad():
            for user in self.ids("user_id", users):
                pairs = self.dataset.join(Interaction({"user_id": user.expand(len(columns)), "item_id": columns}))
                answers.append(self.model.predict(pairs))
        return torch.stack(answers)

    def score_sessions(self, sessions: Sequence[Sequence[int]], items: Sequence[int], length: int) -> torch.Tensor:
        """float32 `[sessions, items]`: of the next item after each session."""
        from recbole.data.interaction import Interaction

        listed = torch.zeros(len(sessions), length, dtype=torch.int64)
        lengths = torch.zeros(len(sessions), dtype=torch.int64)
        for i, session in enumerate(sessions):
            ids = self.ids("item_id", session[-length:])
            listed[i, : len(ids)], lengths[i] = ids, len(ids)
        with torch.no_grad():
            scores = self.model.full_sort_predict(Interaction({"item_id_list": listed, "item_length": lengths}))
        wanted: torch.Tensor = scores.view(len(sessions), -1)[:, self.ids("item_id", items)]
        return wanted


def _kind(kind: str, files: Path) -> dict[str, Any]:
    given: dict[str, Any] = {"data_path": str(files)}
    if kind == "session":
        split = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
        return {**given, "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "eval_args": split, "train_neg_sample_args": None, "loss_type": "CE"}
    given["benchmark_filename"] = ["train", "valid", "test"]
    if kind == "ctr":
        columns = {"inter": ["user_id", "item_id", "label"], **FEATURES}
        split = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "group_by": "none", "mode": "labeled"}
        ctr = {"metrics": ["AUC", "LogLoss"], "valid_metric": "AUC", "train_neg_sample_args": None, "LABEL_FIELD": "label", "eval_batch_size": 8192}
        return {**given, "load_col": columns, "eval_args": split, **ctr}
    columns = {"inter": ["user_id", "item_id"], **(FEATURES if kind == "towers" else {})}
    split = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "group_by": "user", "mode": "full"}
    negatives = {"distribution": "uniform", "sample_num": 1, "alpha": 1.0, "dynamic": False, "candidate_num": 0}
    return {**given, "load_col": columns, "eval_args": split, "train_neg_sample_args": negatives}
