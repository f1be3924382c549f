"""Special views: of a stream, of labels, without entities, with a version, and a service that uses one view twice under other names and keys.

Pins: as in make_repository.py.
Run: python tests/oracles/feast/make_views.py tests/fixtures/feast/views-FEAST
"""
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
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, KafkaSource, PushSource, ValueType
from feast.data_format import JsonFormat
from feast.stream_feature_view import stream_feature_view
from feast.types import Int64, String

new = int(feast.__version__.split(".")[1]) >= 50
out = pathlib.Path(sys.argv[1]).resolve()
shutil.rmtree(out, ignore_errors=True)
(out / "data").mkdir(parents=True)
versions = "  enable_online_feature_view_versioning: true\n" if new else ""
(out / "feature_store.yaml").write_text(f"""project: odd
provider: local
registry:
  path: data/registry.db
{versions}online_store:
  type: sqlite
  path: data/online_store.db
entity_key_serialization_version: {3 if new else 2}
""")
os.chdir(out)
when = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
pd.DataFrame({"user_id": [1], "a": [1], "b": ["x"], "ts": [when]}).to_parquet("data/rows.parquet")
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
rows = FileSource(name="rows", path="data/rows.parquet", timestamp_field="ts")
pushed = PushSource(name="pushed", batch_source=rows)
key, a, b = Field(name="user_id", dtype=Int64), Field(name="a", dtype=Int64), Field(name="b", dtype=String)

def plain(*fields):
    return FeatureView(name="plain", entities=[user], schema=[key, *fields], source=pushed, ttl=dt.timedelta(days=3),
                       description="a view, with a description", owner="someone@example.com")

kafka = KafkaSource(name="kafka", kafka_bootstrap_servers="localhost:1", topic="t", timestamp_field="ts", batch_source=rows,
                    message_format=JsonFormat(schema_json="a int"), watermark_delay_threshold=dt.timedelta(minutes=5))

def stream(df):
    return df

# Feast pickles the function with the path of its file.
stream.__code__ = stream.__code__.replace(co_filename="make_views.py")
stream = stream_feature_view(entities=[user], ttl=dt.timedelta(days=30), mode="python" if new else "spark", schema=[key, a, b], timestamp_field="ts", online=True,
                             source=kafka, description="a stream of things", owner="someone@example.com")(stream)

everyone = FeatureView(name="everyone", entities=[], schema=[a], source=rows, ttl=dt.timedelta(0))
store = FeatureStore(".")
first = plain(a)
store.apply([user, rows, pushed, kafka, first, stream, everyone])
if new:
    # Another schema is another version, with a table of its own.
    first = plain(a, b)
    store.apply([first])
author = FeatureService(name="author", features=[first[["a"]].with_name("reader"), first[["a"]].with_name("writer").with_join_key_map({"user_id": "author_id"})])
store.apply([author])
data = pd.DataFrame({"user_id": [1, 2], "a": [10, 20], "b": ["x", "y"], "ts": [when] * 2})
store.write_to_online_store("plain", data if new else data.drop(columns="b"))
store.write_to_online_store("stream", data)
if new:
    from feast.labeling.label_view import LabelView
    labels = LabelView(name="labels", entities=[user], schema=[key, a, Field(name="who", dtype=String)], labeler_field="who", source=PushSource(name="judged", batch_source=rows),
                       description="labels", owner="someone@example.com", ttl=dt.timedelta(days=9))
    store.apply([labels])
    store.write_to_online_store("labels", data[["user_id", "a", "ts"]].assign(who="me"))
    everyone_rows = None
else:
    store.materialize(dt.datetime(2023, 1, 1), dt.datetime(2025, 1, 1), ["everyone"])

asked = ["plain:a", "stream:a", "stream:b"] + (["plain:b", "labels:a", "labels:who"] if new else [])
answers = store.get_online_features(asked, [{"user_id": 1}, {"user_id": 9}], full_feature_names=True).to_dict()
served = store.get_online_features(store.get_feature_service("author"), [{"user_id": 1, "author_id": 2}, {"user_id": 2, "author_id": 9}], full_feature_names=True).to_dict()
os.unlink("data/rows.parquet")
pathlib.Path("answers.json").write_text(json.dumps({"views": answers, "author": served}, indent=1) + "\n")
