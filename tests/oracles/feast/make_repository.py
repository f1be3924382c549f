"""A Feast repository of every value type, written by Feast itself, and Feast's results from it.

Pins: feast==0.67.0 for key version 3. For versions 1 and 2 `feast==0.31.1 dask==2023.1.1 distributed==2023.1.1 pandas==1.5.3
numpy==1.23.5 protobuf==3.20.3 pyarrow==11.0.0 setuptools==65.5.0`.
Run: python tests/oracles/feast/make_repository.py VERSION tests/fixtures/feast/vVERSION
"""
import datetime as dt
import json
import os
import pathlib
import shutil
import sys

os.environ["FEAST_USAGE"] = "False"
os.environ["TZ"] = "UTC"

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

version, out = int(sys.argv[1]), pathlib.Path(sys.argv[2])
shutil.rmtree(out, ignore_errors=True)
(out / "data").mkdir(parents=True)
(out / "feature_store.yaml").write_text(f"""project: shop
provider: local
registry: data/registry.db
online_store:
  type: sqlite
  path: data/online_store.db
offline_store:
  type: file
entity_key_serialization_version: {version}
""")

when = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
# Version 1 packs an int64 key with the machine's `long` of four bytes, so it ends at 2^31.
users = [1, -2, 2**31 - 1] if version == 1 else [1, -2, 2**53 + 1]
frame = pd.DataFrame({
    "user_id": pd.array(users, dtype="int64"),
    "age": pd.array([31, -5, 0], dtype="int32"),
    "big": pd.array([2**53 + 1, -1, 7], dtype="int64"),
    "score": pd.array([0.1, -2.5, 3e10], dtype="float32"),
    "ratio": [1e-7, 123456789.125, 0.0],
    "city": ["Basel", "Zürich", ""],
    "active": [True, False, True],
    "seen": [pd.Timestamp(1700000000, unit="s", tz="UTC"), pd.Timestamp(0, unit="s", tz="UTC"), pd.Timestamp(5, unit="s", tz="UTC")],
    "purchased_ids": [[5, 2**53 + 1], [7], [-1, 0, 1]],
    "weights": [[0.5, 1.5], [0.25], [1.0]],
    "words": [["a", "ü"], ["b"], ["c", "", "d"]],
    "flags": [[True, False], [False], [True]],
    "ts": [when] * 3,
})
fields = {"age": Int32, "big": Int64, "score": Float32, "ratio": Float64, "city": String, "active": Bool, "seen": UnixTimestamp,
          "purchased_ids": Array(Int64), "weights": Array(Float32), "words": Array(String), "flags": Array(Bool)}
items = pd.DataFrame({"item_code": ["k1", "käse"], "price": pd.array([1.5, None], dtype="float64"), "stock": pd.array([3, None], dtype="Int64"), "ts": [when] * 2})
shops = pd.DataFrame({"shop_id": pd.array([7, 8], dtype="int32"), "rating": pd.array([4.5, 3.5], dtype="float32"), "ts": [when] * 2})

def view(name, entity, key_type, schema, join):
    source = FileSource(name=f"{name}_source", path=f"data/{name}.parquet", timestamp_field="ts")
    fields = [Field(name=join, dtype=key_type)] + [Field(name=n, dtype=t) for n, t in schema.items()]
    return FeatureView(name=name, entities=[entity], ttl=dt.timedelta(days=365), schema=fields, source=source)

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
item = Entity(name="item", join_keys=["item_code"], value_type=ValueType.STRING)
shop = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT32)
os.chdir(out)
store = FeatureStore(".")
views = {
    "user_features": (view("user_features", user, Int64, fields, "user_id"), frame),
    "item_features": (view("item_features", item, String, {"price": Float64, "stock": Int64}, "item_code"), items),
    "shop_features": (view("shop_features", shop, Int32, {"rating": Float32}, "shop_id"), shops),
}
for name, (_, rows) in views.items():
    rows.to_parquet(f"data/{name}.parquet")
store.apply([user, item, shop] + [v for v, _ in views.values()])
for name, (_, rows) in views.items():
    store.write_to_online_store(name, rows)

def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dt.datetime):
        return str(int(value.timestamp()))
    # JSON numbers end at 2^53 for its readers.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

asked = {"user_features": ("user_id", users + [99]), "item_features": ("item_code", ["k1", "käse", "k9"]), "shop_features": ("shop_id", [7, 8, 9])}
answers = {}
for name, (join, keys) in asked.items():
    features = [f.name for f in views[name][0].features]
    response = store.get_online_features(features=[f"{name}:{f}" for f in features], entity_rows=[{join: k} for k in keys])
    rows = response.to_dict()
    answers[name] = {"keys": plain(keys), "features": {f: plain(rows[f]) for f in features}}
for name in views:
    os.unlink(f"data/{name}.parquet")
pathlib.Path("answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
