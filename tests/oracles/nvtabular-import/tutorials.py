"""The workflows of Transformers4Rec's examples, as their notebooks write them (`cudf` is pandas here), and data of the same columns.

`examples/tutorial` (REES46: 01-preprocess, 02-ETL-with-NVTabular), `examples/end-to-end-session-based` and `examples/getting-started-session-based`.
"""
import numpy as np
import nvtabular as nvt
import pandas as cudf
import pandas as pd
from merlin.dag import ColumnSelector
from merlin.schema import Schema, Tags
from nvtabular.ops import TagAsItemID


def rees46(rows, seed):
    """Events of an online shop: October 2019, in the columns that 01-preprocess has after reading the CSV."""
    random = np.random.RandomState(seed)
    times = 1_569_888_000 + np.sort(random.randint(0, 6 * 86_400, rows))
    products = random.randint(1, 25, rows)
    return pd.DataFrame(
        {
            "event_type": random.choice(["view", "cart", "purchase"], rows),
            "product_id": 1_000_000 + products,
            "category_id": 2_053_013_552_259_662_037 + products % 5,
            "category_code": np.array(["appliances.kettle", None, "electronics.phone", "apparel.shoes"], dtype="object")[products % 4],
            "brand": np.array(["acme", None, "bosch", "zeta"], dtype="object")[products % 4],
            "price": np.round(random.gamma(2, 60, rows), 2),
            "user_id": random.randint(500, 520, rows),
            "user_session": random.choice([f"{i:08x}-d41a" for i in range(rows // 5)], rows),
            "event_time_ts": times,
        }
    )


def rees46_sessions(rows, seed):
    """The output of 01-preprocess: sessions are numbers, each product has the time of its first event."""
    frame = rees46(rows, seed)
    frame["user_session"] = frame["user_session"].astype("category").cat.codes.astype("int64") + 3
    frame = frame.sort_values(["user_session", "event_time_ts"]).reset_index(drop=True)
    first = frame.groupby("product_id").agg({"event_time_ts": "min"}).reset_index().rename(columns={"event_time_ts": "prod_first_event_time_ts"})
    return frame.merge(first, on=["product_id"], how="left").reset_index(drop=True)


def yoochoose(rows, seed):
    frame = rees46_sessions(rows, seed)
    return pd.DataFrame(
        {
            "session_id": frame["user_session"],
            "timestamp": frame["event_time_ts"],
            "item_id": frame["product_id"],
            "category": frame["category_id"] % 100,
            "itemid_ts_first": frame["prod_first_event_time_ts"],
        }
    )


def getting_started(rows, seed):
    random = np.random.RandomState(seed)
    frame = pd.DataFrame({"session_id": random.randint(70000, 70000 + rows // 4, rows)})
    frame["item_id"] = np.clip(random.lognormal(3.0, 1.0, rows).astype(np.int32), 1, 50000)
    frame["category"] = (frame["item_id"] % 7 + 1).astype(np.int32)
    frame["age_days"] = random.uniform(0, 1, rows).astype(np.float32)
    frame["weekday_sin"] = random.uniform(0, 1, rows).astype(np.float32)
    frame["day"] = frame.session_id % 9 + 1
    return frame


def rees46_preprocess_workflow():
    cols = ["event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id", "event_time_ts"]
    cat_feats = ["user_session"] >> nvt.ops.Categorify()
    return cols + cat_feats


def get_cycled_feature_value_sin(col, max_value):
    value_scaled = (col + 0.000001) / max_value
    value_sin = np.sin(2 * np.pi * value_scaled)
    return value_sin


def get_cycled_feature_value_cos(col, max_value):
    value_scaled = (col + 0.000001) / max_value
    value_cos = np.cos(2 * np.pi * value_scaled)
    return value_cos


def relative_price_to_avg_categ(col, gdf):
    epsilon = 1e-5
    col = ((gdf["price"] - col) / (col + epsilon)) * (col > 0).astype(int)
    return col


def item_recency(first):
    class ItemRecency(nvt.ops.Operator):
        def transform(self, columns, gdf):
            for column in columns.names:
                col = gdf[column]
                item_first_timestamp = gdf[first]
                delta_days = (col - item_first_timestamp) / (60 * 60 * 24)
                gdf[column + "_age_days"] = delta_days * (delta_days >= 0)
            return gdf

        def compute_selector(
            self,
            input_schema: Schema,
            selector: ColumnSelector,
            parents_selector: ColumnSelector,
            dependencies_selector: ColumnSelector,
        ) -> ColumnSelector:
            self._validate_matching_cols(input_schema, parents_selector, "computing input selector")
            return parents_selector

        def column_mapping(self, col_selector):
            column_mapping = {}
            for col_name in col_selector.names:
                column_mapping[col_name + "_age_days"] = [col_name]
            return column_mapping

        @property
        def dependencies(self):
            return [first]

        @property
        def output_dtype(self):
            return np.float64

    return ItemRecency()


def rees46_workflow():
    item_id = ["product_id"] >> nvt.ops.TagAsItemID()
    cat_feats = item_id + ["category_code", "brand", "user_id", "category_id", "event_type"] >> nvt.ops.Categorify()
    session_ts = ["event_time_ts"]
    session_time = session_ts >> nvt.ops.LambdaOp(lambda col: cudf.to_datetime(col, unit="s")) >> nvt.ops.Rename(name="event_time_dt")
    sessiontime_weekday = session_time >> nvt.ops.LambdaOp(lambda col: col.dt.weekday) >> nvt.ops.Rename(name="et_dayofweek")
    weekday_sin = (
        sessiontime_weekday
        >> (lambda col: get_cycled_feature_value_sin(col + 1, 7))
        >> nvt.ops.Rename(name="et_dayofweek_sin")
        >> nvt.ops.AddMetadata(tags=[Tags.CONTINUOUS])
    )
    weekday_cos = (
        sessiontime_weekday
        >> (lambda col: get_cycled_feature_value_cos(col + 1, 7))
        >> nvt.ops.Rename(name="et_dayofweek_cos")
        >> nvt.ops.AddMetadata(tags=[Tags.CONTINUOUS])
    )
    recency_features = ["event_time_ts"] >> item_recency("prod_first_event_time_ts")
    recency_features_norm = recency_features >> nvt.ops.LogOp() >> nvt.ops.Normalize(out_dtype=np.float32) >> nvt.ops.Rename(name="product_recency_days_log_norm")
    time_features = session_time + sessiontime_weekday + weekday_sin + weekday_cos + recency_features_norm
    price_log = ["price"] >> nvt.ops.LogOp() >> nvt.ops.Normalize(out_dtype=np.float32) >> nvt.ops.Rename(name="price_log_norm")
    avg_category_id_pr = ["category_id"] >> nvt.ops.JoinGroupby(cont_cols=["price"], stats=["mean"]) >> nvt.ops.Rename(name="avg_category_id_price")
    relative_price_to_avg_category = (
        avg_category_id_pr
        >> nvt.ops.LambdaOp(relative_price_to_avg_categ, dependency=["price"])
        >> nvt.ops.Rename(name="relative_price_to_avg_categ_id")
        >> nvt.ops.AddMetadata(tags=[Tags.CONTINUOUS])
    )
    groupby_feats = ["event_time_ts", "user_session"] + cat_feats + time_features + price_log + relative_price_to_avg_category
    groupby_features = groupby_feats >> nvt.ops.Groupby(
        groupby_cols=["user_session"],
        sort_cols=["event_time_ts"],
        aggs={
            "user_id": ["first"],
            "product_id": ["list", "count"],
            "category_code": ["list"],
            "brand": ["list"],
            "category_id": ["list"],
            "event_time_ts": ["first"],
            "event_time_dt": ["first"],
            "et_dayofweek_sin": ["list"],
            "et_dayofweek_cos": ["list"],
            "price_log_norm": ["list"],
            "relative_price_to_avg_categ_id": ["list"],
            "product_recency_days_log_norm": ["list"],
        },
        name_sep="-",
    )
    groupby_features_list = groupby_features[
        "product_id-list",
        "category_code-list",
        "brand-list",
        "category_id-list",
        "et_dayofweek_sin-list",
        "et_dayofweek_cos-list",
        "price_log_norm-list",
        "relative_price_to_avg_categ_id-list",
        "product_recency_days_log_norm-list",
    ]
    SESSIONS_MAX_LENGTH = 20
    MINIMUM_SESSION_LENGTH = 2
    groupby_features_trim = groupby_features_list >> nvt.ops.ListSlice(-SESSIONS_MAX_LENGTH, pad=True)
    day_index = (
        (groupby_features["event_time_dt-first"])
        >> nvt.ops.LambdaOp(lambda col: (col - col.min()).dt.days + 1)
        >> nvt.ops.Rename(f=lambda col: "day_index")
        >> nvt.ops.AddMetadata(tags=[Tags.CATEGORICAL])
    )
    sess_id = groupby_features["user_session"] >> nvt.ops.AddMetadata(tags=[Tags.CATEGORICAL])
    selected_features = sess_id + groupby_features["product_id-count"] + groupby_features_trim + day_index
    return selected_features >> nvt.ops.Filter(f=lambda df: df["product_id-count"] >= MINIMUM_SESSION_LENGTH)


def yoochoose_workflow():
    cat_feats = ColumnSelector(["category", "item_id"]) >> nvt.ops.Categorify()
    session_ts = ColumnSelector(["timestamp"])
    session_time = session_ts >> nvt.ops.LambdaOp(lambda col: cudf.to_datetime(col, unit="s")) >> nvt.ops.Rename(name="event_time_dt")
    sessiontime_weekday = session_time >> nvt.ops.LambdaOp(lambda col: col.dt.weekday) >> nvt.ops.Rename(name="et_dayofweek")
    weekday_sin = sessiontime_weekday >> (lambda col: get_cycled_feature_value_sin(col + 1, 7)) >> nvt.ops.Rename(name="et_dayofweek_sin")
    recency_features = session_ts >> item_recency("itemid_ts_first")
    recency_features_norm = recency_features >> nvt.ops.LogOp() >> nvt.ops.Normalize(out_dtype=np.float32) >> nvt.ops.Rename(name="product_recency_days_log_norm")
    time_features = session_time + sessiontime_weekday + weekday_sin + recency_features_norm
    features = ColumnSelector(["session_id", "timestamp"]) + cat_feats + time_features
    groupby_features = features >> nvt.ops.Groupby(
        groupby_cols=["session_id"],
        sort_cols=["timestamp"],
        aggs={
            "item_id": ["list", "count"],
            "category": ["list"],
            "timestamp": ["first"],
            "event_time_dt": ["first"],
            "et_dayofweek_sin": ["list"],
            "product_recency_days_log_norm": ["list"],
        },
        name_sep="-",
    )
    SESSIONS_MAX_LENGTH = 20
    item_feat = groupby_features["item_id-list"] >> nvt.ops.TagAsItemID()
    cont_feats = groupby_features["et_dayofweek_sin-list", "product_recency_days_log_norm-list"] >> nvt.ops.AddMetadata(tags=[Tags.CONTINUOUS])
    groupby_features_list = item_feat + cont_feats + groupby_features["category-list"]
    groupby_features_truncated = groupby_features_list >> nvt.ops.ListSlice(-SESSIONS_MAX_LENGTH)
    day_index = (
        (groupby_features["event_time_dt-first"])
        >> nvt.ops.LambdaOp(lambda col: (col - col.min()).dt.days + 1)
        >> nvt.ops.Rename(f=lambda col: "day_index")
        >> nvt.ops.AddMetadata(tags=[Tags.CATEGORICAL])
    )
    sess_id = groupby_features["session_id"] >> nvt.ops.AddMetadata(tags=[Tags.CATEGORICAL])
    selected_features = sess_id + groupby_features["item_id-count"] + groupby_features_truncated + day_index
    MINIMUM_SESSION_LENGTH = 2
    return selected_features >> nvt.ops.Filter(f=lambda df: df["item_id-count"] >= MINIMUM_SESSION_LENGTH)


def getting_started_workflow():
    SESSIONS_MAX_LENGTH = 20
    categ_feats = ["item_id", "category"] >> nvt.ops.Categorify()
    groupby_feats = categ_feats + ["session_id", "day", "age_days", "weekday_sin"]
    groupby_features = groupby_feats >> nvt.ops.Groupby(
        groupby_cols=["session_id"],
        aggs={
            "item_id": ["list", "count"],
            "category": ["list"],
            "day": ["first"],
            "age_days": ["list"],
            "weekday_sin": ["list"],
        },
        name_sep="-",
    )
    sequence_features_truncated = groupby_features["category-list"] >> nvt.ops.ListSlice(-SESSIONS_MAX_LENGTH)
    sequence_features_truncated_item = groupby_features["item_id-list"] >> nvt.ops.ListSlice(-SESSIONS_MAX_LENGTH) >> TagAsItemID()
    sequence_features_truncated_cont = (
        groupby_features["age_days-list", "weekday_sin-list"] >> nvt.ops.ListSlice(-SESSIONS_MAX_LENGTH) >> nvt.ops.AddMetadata(tags=[Tags.CONTINUOUS])
    )
    MINIMUM_SESSION_LENGTH = 2
    selected_features = (
        groupby_features["item_id-count", "day-first", "session_id"] + sequence_features_truncated_item + sequence_features_truncated + sequence_features_truncated_cont
    )
    filtered_sessions = selected_features >> nvt.ops.Filter(f=lambda df: df["item_id-count"] >= MINIMUM_SESSION_LENGTH)
    seq_feats_list = filtered_sessions["item_id-list", "category-list", "age_days-list", "weekday_sin-list"] >> nvt.ops.ValueCount()
    return filtered_sessions["session_id", "day-first"] + seq_feats_list
