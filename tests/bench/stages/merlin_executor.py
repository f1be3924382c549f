"""The same four stages from Merlin Systems 23.08's own operators, run by its executor in process, for single users: milliseconds per request.

    FEAST_USAGE=False python merlin_executor.py FOLDER SECONDS      (environment: tests/oracles/merlin)

Both models run in onnxruntime from the same files, which is kinder than Merlin's own PredictPyTorch.
"""
import json
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import numpy as np
import nvtabular as nvt
import onnxruntime as ort
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Int64, Array
from merlin.dag import ColumnSelector
from merlin.dag.executors import LocalExecutor
from merlin.schema import ColumnSchema, Schema, Tags
from merlin.systems.dag.ensemble import Ensemble
from merlin.systems.dag.ops.faiss import QueryFaiss
from merlin.systems.dag.ops.feast import QueryFeast
from merlin.dag import BaseOperator
from merlin.systems.dag.ops.softmax_sampling import SoftmaxSampling
from merlin.systems.dag.ops.session_filter import FilterCandidates
from merlin.systems.dag.ops.unroll_features import UnrollFeatures
from merlin.systems.dag.ops.workflow import TransformWorkflow
from merlin.table import TensorTable

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
load = lambda name, dtype: np.fromfile(folder / name, dtype=dtype)


class Onnx(BaseOperator):
    def __init__(self, path, output):
        self.path, self.output = str(path), output
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        super().__init__()

    def compute_output_schema(self, input_schema, col_selector, prev_output_schema=None):
        return Schema([ColumnSchema(self.output, dtype=np.float32)])

    def transform(self, col_selector, transformable):
        feeds = {i.name: np.asarray(transformable[i.name].values).reshape(-1) for i in self.session.get_inputs()}
        for i in self.session.get_inputs():
            feeds[i.name] = feeds[i.name].astype(np.int64 if "int64" in i.type else np.float32)
        return TensorTable({self.output: self.session.run(None, feeds)[0]})


def repository():
    """Feast's own store of the same features, written once."""
    path = folder / "feast-0.31"
    if (path / "online.db").exists():
        return FeatureStore(str(path))
    path.mkdir(exist_ok=True)
    (path / "feature_store.yaml").write_text(
        "project: bench\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 2\n"
        "online_store: {type: sqlite, path: online.db}\n"
    )
    now = pd.Timestamp("2026-01-01")
    age, city = load("users.age.f32", np.float32), load("users.city.i64", np.int64)
    purchased = load("users.purchased.i64", np.int64).reshape(len(age), -1)
    price = load("items.price.f32", np.float32)
    n, m = len(age), len(price)
    users = pd.DataFrame(
        {"user_id": np.arange(1, n + 1), "age": age, "city": city, "purchased_ids": list(purchased), "time": now, "created": now}
    )
    items = pd.DataFrame(
        {
            "item_id": np.arange(1, m + 1, dtype=np.int32),
            "price": price,
            "category": load("items.category.i64", np.int64),
            "brand": load("items.brand.i64", np.int64),
            "time": now,
            "created": now,
        }
    )
    views = []
    for name, key, frame, fields in [
        ("user_features", "user_id", users, [("age", Float32), ("city", Int64), ("purchased_ids", Array(Int64))]),
        ("item_features", "item_id", items, [("price", Float32), ("category", Int64), ("brand", Int64)]),
    ]:
        file = folder / f"{name}.parquet"
        frame.to_parquet(file)
        source = FileSource(path=str(file), timestamp_field="time", created_timestamp_column="created")
        # QueryFaiss returns int32, and the schema check requires the same dtype of the entity.
        kind = ValueType.INT32 if key == "item_id" else ValueType.INT64
        entity = Entity(name=key, value_type=kind, join_keys=[key])
        schema = [Field(name=f, dtype=t) for f, t in fields]
        views.append((entity, FeatureView(name=name, entities=[entity], schema=schema, source=source, ttl=None), frame))
    store = FeatureStore(str(path))
    store.apply([x for entity, view, _ in views for x in (entity, view)])
    for _, view, frame in views:
        store.write_to_online_store(view.name, frame)
    return store


def workflows():
    frame = pd.read_csv(folder / "pairs.csv").astype({"price": np.float32, "age": np.float32, "item_id": np.int32})
    user = (["city"] >> nvt.ops.Categorify()) + (["age"] >> nvt.ops.Normalize(out_dtype=np.float32))
    rank = (["item_id", "category", "brand", "city"] >> nvt.ops.Categorify()) + (["price"] >> nvt.ops.LogOp()) + (
        ["age"] >> nvt.ops.Normalize(out_dtype=np.float32)
    )
    fit = lambda graph, columns: nvt.Workflow(graph).fit(nvt.Dataset(frame[columns]))
    return fit(user, ["city", "age"]), fit(rank, ["item_id", "category", "brand", "city", "price", "age"])


store = repository()
etl_user, etl_rank = workflows()
user = ["user_id"] >> QueryFeast.from_feature_view(store, "user_features", "user_id", include_id=True)
tower = user[["city", "age"]] >> TransformWorkflow(etl_user) >> Onnx(folder / "tower.onnx", "query")
found = tower >> QueryFaiss(str(folder / "plain.faiss"), topk=100)
left = found["candidate_ids"] >> FilterCandidates(filter_out=user["purchased_ids"])
items = left >> QueryFeast.from_feature_view(store, "item_features", "filtered_ids", include_id=True)
pairs = items >> UnrollFeatures("item_id", user[["age", "city"]])
scores = pairs >> TransformWorkflow(etl_rank) >> Onnx(folder / "ranker.onnx", "score")
ordered = pairs["item_id"] >> SoftmaxSampling(scores["score"], topk=10, temperature=20.0)
request = Schema([ColumnSchema("user_id", dtype=np.int64)])
ensemble = Ensemble(ordered, request)
executor = LocalExecutor()
times = []
end = time.perf_counter() + seconds
i = 0
while time.perf_counter() < end or len(times) < 8:
    began = time.perf_counter()
    answer = executor.transform(TensorTable({"user_id": np.array([1 + i * 37 % 2000], np.int64)}), [ensemble.graph.output_node])
    times.append((time.perf_counter() - began) * 1000)
    i += 1
warm = np.sort(times[3:])
print(json.dumps({"p50": float(np.quantile(warm, 0.5)), "p99": float(np.quantile(warm, 0.99)), "answers": len(times), "columns": {n: list(answer[n].values.shape) for n in answer}}))
