"""Feast's results from a repository, as JSON; with --compare, Feast writes the same values again and the stored rows must not change.

Pin: feast==0.67.0. Run: python read_repository.py FOLDER '{"view": [keys]}' [--compare]
"""
import datetime as dt
import json
import os
import sqlite3
import sys
import warnings

os.environ["FEAST_USAGE"] = "False"
os.environ["TZ"] = "UTC"
warnings.filterwarnings("ignore")

from feast import FeatureStore

folder, asked = sys.argv[1], json.loads(sys.argv[2])
store = FeatureStore(folder)

def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dt.datetime):
        return str(int(value.timestamp()))
    if isinstance(value, float) and value != value:
        return None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

def protos(view, keys):
    """Entity keys and values as Feast has them in memory, read through its own store."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value
    join = view.entity_columns[0].name
    entity_keys = [EntityKey(join_keys=[join], entity_values=[Value(int64_val=k)]) for k in keys]
    online = store._get_provider().online_store
    return online, [(k, values, when, when) for k, (when, values) in zip(entity_keys, online.online_read(store.config, view, entity_keys))]

def rows(table):
    with sqlite3.connect(os.path.join(folder, "data/online_store.db")) as db:
        return sorted(db.execute(f'SELECT entity_key, feature_name, value, value_text, event_ts, created_ts FROM "{table}"').fetchall())

answers = {}
for name, keys in asked.items():
    view = store.get_feature_view(name)
    join, features = view.entity_columns[0].name, [f.name for f in view.features]
    response = store.get_online_features(features=[f"{name}:{f}" for f in features], entity_rows=[{join: k} for k in keys]).to_dict()
    answers[name] = {f: plain(response[f]) for f in features}
    if "--compare" in sys.argv:
        before = rows(f"{store.project}_{name}")
        online, data = protos(view, keys)
        with sqlite3.connect(os.path.join(folder, "data/online_store.db")) as db:
            db.execute(f'DELETE FROM "{store.project}_{name}"')
        online.online_write_batch(store.config, view, data, None)
        after = rows(f"{store.project}_{name}")
        assert len(before) == len(after) > 0
        for a, b in zip(before, after):
            assert a == b, (a, b)
print(json.dumps(answers))
