/** A schema with every shape and property that Merlin's files hold. `tests/oracles/nvtabular/generate.py` has the same columns. */
import { column, type Schema } from "#contract/schema.js";

export const SCHEMA_SAMPLE: Schema = [
  column("item_id", "int64", {
    tags: ["categorical", "item"],
    properties: {
      domain: { min: 0, max: 9, name: "item_id" },
      embedding_sizes: { cardinality: 10, dimension: 16 },
      num_buckets: 1,
      cat_path: "categories/unique.item_id.arrow",
    },
  }),
  column("price", "float32", { tags: ["continuous"] }),
  column("ids", "int32", { list: { min: 0, max: null } }),
  column("vector", "float32", { list: { min: 4, max: 4 } }),
  column("few", "float64", {
    list: { min: 1, max: 5 },
    properties: { note: ['a "quoted" é\n', true, null, { x: 1.5 }] },
  }),
  column("brand", "string"),
];
