// Written by `merlon typegen --model-repository model-repo`.
import type { ModelTypes } from "merlon/client";

/** For `connect(url, { models })`, which compares them with the server's models. */
export const models = {
  recommend: {
    inputs: {
      user_id: { datatype: "INT64", shape: [-1, 1] },
    },
    outputs: {
      ordered_ids: { datatype: "INT64", shape: [-1, -1] },
      ordered_scores: { datatype: "FP32", shape: [-1, -1] },
    },
  },
  recommend_dlrm: {
    inputs: {
      user_id: { datatype: "INT64", shape: [-1] },
      favourite_category: { datatype: "INT64", shape: [-1] },
      item_id: { datatype: "INT64", shape: [-1] },
      item_category: { datatype: "INT64", shape: [-1] },
      favourite_brand: { datatype: "INT32", shape: [-1] },
      item_brand: { datatype: "INT32", shape: [-1] },
      mean_price: { datatype: "FP32", shape: [-1] },
      item_price: { datatype: "FP32", shape: [-1] },
      event_count: { datatype: "FP32", shape: [-1] },
      item_popularity: { datatype: "FP32", shape: [-1] },
    },
    outputs: {
      "purchase/binary_output": { datatype: "FP32", shape: [-1, 1] },
    },
  },
  recommend_query_tower: {
    inputs: {
      user_id: { datatype: "INT64", shape: [-1] },
      favourite_category: { datatype: "INT64", shape: [-1] },
      favourite_brand: { datatype: "INT32", shape: [-1] },
      mean_price: { datatype: "FP32", shape: [-1] },
      event_count: { datatype: "FP32", shape: [-1] },
    },
    outputs: {
      query_embedding: { datatype: "FP32", shape: [-1, 32] },
    },
  },
} as const satisfies ModelTypes;

/** For `connect<Models>(url)`. */
export type Models = typeof models;
