"""A store with Feast's value types after its lists (sets, maps, JSON, UUID, decimals, …), written by Feast into SQLite and Redis.

Also writes the responses of `get_online_features` and `feast serve`.

Pins: feast==0.67.0 with redis of any version. Needs `redis-server`.
Run: python tests/oracles/feast/make_new_types.py tests/fixtures/feast/new-0.67
"""
import base64
import datetime as dt
import decimal
import json
import os
import pathlib
import shutil
import sys
import urllib.error
import urllib.request
import uuid
from zoneinfo import ZoneInfo

os.environ["TZ"] = "UTC"

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.types import (Array, Bool, Bytes, Decimal, Float32, Float64, ImageBytes, Int32, Int64, Json, Map, PdfBytes, ScalarMap, Set, String, Struct,
                         TimeUuid, UnixTimestamp, Uuid, ZonedTimestamp)
from servers import feast_server, free_port, redis_server

out = pathlib.Path(sys.argv[1]).resolve()
shutil.rmtree(out, ignore_errors=True)
(out / "data").mkdir(parents=True)

def config(online):
    return f"""project: fresh
provider: local
registry: data/registry.db
online_store:
{online}
offline_store:
  type: file
entity_key_serialization_version: 3
"""

port = free_port()
SQLITE = config("  type: sqlite\n  path: data/online_store.db")
REDIS = config(f'  type: redis\n  connection_string: "127.0.0.1:{port}"')
utc = dt.timezone.utc
when = dt.datetime(2024, 1, 1, 12, 30, tzinfo=utc)
one, two = uuid.UUID(int=1), uuid.UUID(int=2**127 + 5)
timed = uuid.UUID("13814000-1dd2-11b2-8000-000000000001")
D = decimal.Decimal
#: Of each type: the values of users 1, 2, 3.
kinds = {
    "map": (Map, [{"b": "ü", "a": 1, "c": [1.5, 2.0], "d": {"z": True, "y": 2**53 + 1}}, None, {}]),
    "maps": (Array(Map), [[{"a": 1.0}, {"b": "x"}], None, []]),
    "bytes_set": (Set(Bytes), [{b"a", b"bc"}, None, set()]),
    "text_set": (Set(String), [{"x", "ü"}, None, set()]),
    "i32_set": (Set(Int32), [{1, -2}, None, set()]),
    "i64_set": (Set(Int64), [{2**53 + 1, -3}, None, set()]),
    "f64_set": (Set(Float64), [{1.5, -0.25}, None, set()]),
    "f32_set": (Set(Float32), [{0.5}, None, set()]),
    "flag_set": (Set(Bool), [{True, False}, None, set()]),
    "moment_set": (Set(UnixTimestamp), [{when, dt.datetime(1970, 1, 2, tzinfo=utc)}, None, set()]),
    "pdf": (PdfBytes, [b"%PDF-1", None, b""]),
    "image": (ImageBytes, [b"\x89PNG", None, b""]),
    "json": (Json, ['{"k": [1, 2, {"z": null}]}', None, "[]"]),
    "jsons": (Array(Json), [['{"a": 1}', "2"], None, []]),
    "struct": (Struct({"a": Int64, "b": String}), [{"a": 7, "b": "y"}, None, {"a": 0, "b": ""}]),
    "structs": (Array(Struct({"a": Int64})), [[{"a": 1}, {"a": 2}], None, []]),
    "id": (Uuid, [one, None, two]),
    "time_id": (TimeUuid, [timed, None, timed]),
    "ids": (Array(Uuid), [[one, two], None, []]),
    "time_ids": (Array(TimeUuid), [[timed], None, []]),
    "id_set": (Set(Uuid), [{one, two}, None, set()]),
    "time_id_set": (Set(TimeUuid), [{timed}, None, set()]),
    "nested": (Array(Array(Int64)), [[[1, 2], [3]], None, [[4]]]),
    "nested_set": (Set(Array(String)), [[["a"], ["b", "c"]], None, []]),
    "amount": (Decimal, [D("1.10"), None, D("-3E+10")]),
    "amounts": (Array(Decimal), [[D("1.10"), D("2")], None, []]),
    "amount_set": (Set(Decimal), [{D("1.10")}, None, set()]),
    "by_number": (ScalarMap, [{1: "a", -2: 5}, None, {}]),
    "zoned": (ZonedTimestamp, [dt.datetime(2024, 5, 5, 12, tzinfo=ZoneInfo("Europe/Berlin")), None, dt.datetime(2024, 5, 5, 12, tzinfo=utc)]),
}
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
source = FileSource(name="kinds_source", path="data/kinds.parquet", timestamp_field="ts")
view = FeatureView(name="kinds", entities=[user], schema=[Field(name="user_id", dtype=Int64)] + [Field(name=n, dtype=t) for n, (t, _) in kinds.items()],
                   source=source, ttl=dt.timedelta(0))

def plain(value):
    """As in make_every_type.py. Sets are sorted, since they have no order, maps are objects, and a moment is its second."""
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v) for v in value), key=json.dumps)
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dt.datetime):
        return str(int(value.timestamp()))
    if isinstance(value, (uuid.UUID, decimal.Decimal)):
        return str(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

def write(yaml):
    (out / "feature_store.yaml").write_text(yaml)
    store = FeatureStore(str(out))
    pd.DataFrame({"user_id": [1], "ts": [when]}).to_parquet("data/kinds.parquet")
    store.apply([user, view])
    protos = {name: python_values_to_proto_values(values, kind.to_value_type()) for name, (kind, values) in kinds.items()}
    rows = [(EntityKey(join_keys=["user_id"], entity_values=[Value(int64_val=i + 1)]), {name: protos[name][i] for name in kinds}, when, when) for i in range(3)]
    store._get_provider().online_write_batch(store.config, store.get_feature_view("kinds"), rows, None)
    found = store.get_online_features(features=[f"kinds:{n}" for n in kinds], entity_rows=[{"user_id": i} for i in (1, 2, 3, 99)]).to_dict()
    return {"kinds": {"keys": {"user_id": ["1", "2", "3", "99"]}, "features": {n: plain(found[n]) for n in kinds}}}

def served():
    """The words of `feast serve`, one feature a question: a type that it can not say spoils the others' answer."""
    answers = {}
    with feast_server(out) as url:
        for name in kinds:
            body = json.dumps({"features": [f"kinds:{name}"], "entities": {"user_id": [1, 2, 3, 99]}, "full_feature_names": True}).encode()
            request = urllib.request.Request(f"{url}/get-online-features", body, {"content-type": "application/json"})
            try:
                answers[name] = {"status": 200, "body": urllib.request.urlopen(request).read().decode()}
            except urllib.error.HTTPError as error:
                answers[name] = {"status": error.code, "body": error.read().decode()[:300]}
    return answers

os.chdir(out)
with redis_server(port) as client:
    from_redis = write(REDIS)
    hashes = {key.hex(): {field.hex(): value.hex() for field, value in sorted(client.hgetall(key).items())} for key in sorted(client.keys())}
answers = write(SQLITE)
assert answers == from_redis, (answers, from_redis)
os.unlink("data/kinds.parquet")
pathlib.Path("answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
pathlib.Path("redis.json").write_text(json.dumps(hashes, indent=0) + "\n")
pathlib.Path("served.json").write_text(json.dumps(served(), indent=1, ensure_ascii=False) + "\n")
