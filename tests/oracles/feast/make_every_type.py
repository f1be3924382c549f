"""Feast stores of every value type and kind of key, written by Feast itself into SQLite and Redis, and Feast's results from them.

Pins: as in make_repository.py, with redis==4.2.2 for feast==0.31.1 and redis of any version for feast==0.67.0. Needs `redis-server`.
Run: python tests/oracles/feast/make_every_type.py KEY_VERSION tests/fixtures/feast/every-FEAST-kKEY_VERSION
"""
import base64
import datetime as dt
import json
import os
import pathlib
import shutil
import sys

os.environ["FEAST_USAGE"] = "False"
os.environ["TZ"] = "UTC"

import feast
import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp
from servers import free_port, redis_server

version, out = int(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
new = int(feast.__version__.split(".")[1]) >= 50
shutil.rmtree(out, ignore_errors=True)
(out / "data").mkdir(parents=True)

def config(online):
    return f"""project: every
provider: local
registry: data/registry.db
online_store:
{online}
offline_store:
  type: file
entity_key_serialization_version: {version}
"""

port = free_port()
SQLITE = config("  type: sqlite\n  path: data/online_store.db")
REDIS = config(f'  type: redis\n  connection_string: "127.0.0.1:{port}"')

utc = dt.timezone.utc
when, old = dt.datetime(2024, 1, 1, 12, 30, tzinfo=utc), dt.datetime(2020, 5, 5, tzinfo=utc)
def at(seconds):
    return pd.Timestamp(seconds, unit="s", tz="UTC")
big = 7 if version == 1 else 2**53 + 1
kinds = {
    "i32": Int32, "i64": Int64, "f32": Float32, "f64": Float64, "text": String, "raw": Bytes, "flag": Bool, "moment": UnixTimestamp,
    "i32s": Array(Int32), "i64s": Array(Int64), "f32s": Array(Float32), "f64s": Array(Float64), "texts": Array(String), "raws": Array(Bytes),
    "flags": Array(Bool), "moments": Array(UnixTimestamp),
}
values = pd.DataFrame({
    "user_id": pd.array([1, -2, big], dtype="int64"),
    "i32": pd.array([2**31 - 1, -(2**31), None], dtype="Int32"),
    "i64": pd.array([2**53 + 1, -(2**62), 0], dtype="int64"),
    "f32": pd.array([0.1, None, -3e10], dtype="float32"),
    "f64": [1e-300, -0.0, None],
    "text": ["Zürich 漢字 🦀", "", None],
    "raw": [b"plain", "käse".encode(), None],
    "flag": [True, False, None],
    "moment": [at(1700000000), at(-5), None],
    "i32s": [[1, -2], [2**31 - 1], None],
    "i64s": [[2**53 + 1, -1], [0], None],
    "f32s": [[0.5, -1.25], [1e-3], None],
    "f64s": [[1e-7, 1.5], [-2.0], None],
    "texts": [["a", "ü", ""], ["🦀"], None],
    "raws": [[b"x", b"yz"], [b""], None],
    "flags": [[True, False], [False], None],
    "moments": [[at(1), at(1700000000)], [at(0)], None if new else [at(2)]],  # 0.31 can not write a null there
    "ts": [when, old, when],
})
pairs = pd.DataFrame({"user_id": pd.array([1, 1, 2], dtype="int64"), "shop": ["north", "süd", "north"],
                      "visits": pd.array([3, 5, 7], dtype="int64"), "ts": [when, old, when]})
tokens = pd.DataFrame({"token": [b"abc", "ü-token".encode()], "uses": pd.array([1, 2], dtype="int32"), "ts": [when] * 2})
shops = pd.DataFrame({"shop": ["north", "süd"], "rating": pd.array([4.5, 3.5], dtype="float32"), "ts": [when] * 2})
codes = pd.DataFrame({"code": pd.array([7, -8], dtype="int32"), "label": ["seven", "minus eight"], "ts": [when] * 2})

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.STRING)
token = Entity(name="token", join_keys=["token"], value_type=ValueType.BYTES)
code = Entity(name="code", join_keys=["code"], value_type=ValueType.INT32)

def view(name, entities, keys, schema, days=0):
    source = FileSource(name=f"{name}_source", path=f"data/{name}.parquet", timestamp_field="ts")
    fields = [Field(name=n, dtype=t) for n, t in {**keys, **schema}.items()]
    return FeatureView(name=name, entities=entities, ttl=dt.timedelta(days=days), schema=fields, source=source)

views = {
    "values": (view("values", [user], {"user_id": Int64}, kinds, 365), values),
    "pairs": (view("pairs", [user, shop], {"user_id": Int64, "shop": String}, {"visits": Int64}, 30), pairs),
    "shops": (view("shops", [shop], {"shop": String}, {"rating": Float32}), shops),
    "codes": (view("codes", [code], {"code": Int32}, {"label": String}), codes),
    "tokens": (view("tokens", [token], {"token": Bytes}, {"uses": Int32}), tokens),
}
service = FeatureService(name="visit", features=[views["values"][0][["i64", "text"]], views["pairs"][0], views["shops"][0]])

def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dt.datetime):
        return str(int(value.timestamp()))
    if isinstance(value, float) and value != value:
        return None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

asked = {
    "values": {"user_id": [1, -2, big, 99]}, "pairs": {"user_id": [1, 1, 2, 2], "shop": ["north", "süd", "north", "süd"]},
    "shops": {"shop": ["süd", "north", "west"]}, "codes": {"code": [7, -8, 9]}, "tokens": {"token": [b"abc", "ü-token".encode(), b"none"]},
}

def write(yaml):
    (out / "feature_store.yaml").write_text(yaml)
    store = FeatureStore(str(out))
    for name, (_, rows) in views.items():
        rows.to_parquet(f"data/{name}.parquet")
    store.apply([user, shop, code, token, service] + [v for v, _ in views.values()])
    for name, (_, rows) in views.items():
        store.write_to_online_store(name, rows)
    answers = {}
    for name, keys in asked.items():
        features = [f.name for f in views[name][0].features]
        rows = [dict(zip(keys, row)) for row in zip(*keys.values())]
        found = store.get_online_features(features=[f"{name}:{f}" for f in features], entity_rows=rows).to_dict()
        answers[name] = {"keys": {k: plain(v) for k, v in keys.items()}, "features": {f: plain(found[f]) for f in features}}
    found = store.get_online_features(features=store.get_feature_service("visit"), entity_rows=[{"user_id": 1, "shop": "süd"}, {"user_id": 99, "shop": "north"}]).to_dict()
    answers["service visit"] = {"keys": {"user_id": ["1", "99"], "shop": ["süd", "north"]},
                                "features": {k: plain(v) for k, v in sorted(found.items()) if k not in ("user_id", "shop")}}
    return answers

os.chdir(out)
with redis_server(port) as client:
    from_redis = write(REDIS)
    hashes = {key.hex(): {field.hex(): value.hex() for field, value in sorted(client.hgetall(key).items())} for key in sorted(client.keys())}
answers = write(SQLITE)
assert answers == from_redis, (answers, from_redis)
# One set of rows stays, for writers of stores.
for name in views if version != 3 else []:
    os.unlink(f"data/{name}.parquet")
pathlib.Path("answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
pathlib.Path("redis.json").write_text(json.dumps(hashes, indent=0) + "\n")
