"""Work that `rival/throughput.py` measures on each side: one epoch of training, or of loading alone, over the same generated rows."""

import contextlib
import io
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..architectures import architecture
from ..loader import Loader, open_dataset
from ..memory import keep_memory
from ..options import parse_options
from ..schema import Column, Schema
from ..tasks.ranking import RankingTask
from ..training import TrainingOptions, make_optimisers, products
from .recbole_runs import COMMON, old_names, write_file

Works = dict[str, Callable[[], None]]
"""`loader`, `dcn_v2`, `dlrm` and, of ours, `dcn_v2 bfloat16`: each processes all rows once."""

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


def ours(data: pa.Table, sizes: list[int], folder: Path) -> Works:
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

    def training(name: str, precision: str = "float32") -> Callable[[], None]:
        found = architecture(name)
        assert found.build is not None
        model = found.build(schema, parse_options(found.options, ["dim=16", "hidden=64,32", "dropout=0.1"]))
        task, optimisers = RankingTask(model, schema), make_optimisers(model, TrainingOptions())

        def epoch() -> None:
            model.train()
            with products(precision):
                for batch in loader:
                    loss = task.loss(batch)
                    for optimiser in optimisers:
                        optimiser.zero_grad()
                    loss.backward()
                    for optimiser in optimisers:
                        optimiser.step()

        return epoch

    return {"loader": load, "dcn_v2": training("dcn_v2"), "dcn_v2 bfloat16": training("dcn_v2", "bfloat16"), "dlrm": training("dlrm")}


def recbole(data: pa.Table, sizes: list[int], folder: Path) -> Works:
    """DCNV2, and PNN in the place of DLRM, which it lacks: both have embeddings, inner products of pairs and a perceptron."""
    old_names()
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    (folder / "rows").mkdir()
    kinds = [f"{n}:token" if i < len(sizes) else f"{n}:float" for i, n in enumerate(data.column_names)]
    write_file(data.rename_columns(kinds), folder / "rows" / "rows.inter")
    made: Works = {}
    settings: dict[str, dict[str, Any]] = {
        "dcn_v2": {"model": "DCNV2", "mixed": False, "structure": "parallel", "cross_layer_num": 3, "reg_weight": 0.0},
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


def deepctr(data: pa.Table, sizes: list[int], folder: Path) -> Works:
    """DeepCTR-Torch's DCN with matrices, which is DCN-v2, by its own `fit`, without the weight decay that it has by default. It has no DLRM."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    sys.modules["requests"] = types.ModuleType("requests")  # On import it checks PyPI for a newer version of itself.
    with contextlib.redirect_stdout(io.StringIO()):
        from deepctr_torch.inputs import DenseFeat, SparseFeat
        from deepctr_torch.models import DCN

    ids, numbers = data.column_names[: len(sizes)], [n for n in data.column_names if n.startswith("n")]
    columns = [*(SparseFeat(n, s, embedding_dim=DEEP["embedding_size"]) for n, s in zip(ids, sizes)), *(DenseFeat(n, 1) for n in numbers)]
    deep = {"dnn_hidden_units": DEEP["mlp_hidden_size"], "dnn_dropout": DEEP["dropout_prob"]}
    none = {"l2_reg_linear": 0, "l2_reg_embedding": 0, "l2_reg_cross": 0}
    model = DCN([], columns, cross_num=3, cross_parameterization="matrix", **deep, **none)
    model.compile("adam", "binary_crossentropy")
    x, y = {n: data[n].to_numpy() for n in (*ids, *numbers)}, data["label"].to_numpy()
    # As its `fit` makes it.
    rows = TensorDataset(torch.from_numpy(np.stack(list(x.values()), axis=-1)), torch.from_numpy(y))

    def load() -> None:
        for _ in DataLoader(rows, batch_size=BATCH, shuffle=True):
            pass

    def epoch() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    return {"loader": load, "dcn_v2": epoch}
