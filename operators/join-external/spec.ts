/** `joinExternal` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, perColumn } from "../shared/spec/params.js";

export const joinExternal = operator({
  params: z.strictObject({
    /** Parquet or CSV, relative to the program; read while fitting. */
    path: z.string().min(1),
    /** Columns on the left, and their names in the file. */
    on: z.array(z.string()).min(1),
    onExternal: z.array(z.string()).min(1),
    how: z.enum(["left", "inner"]).default("left"),
    columns: perColumn(dtype),
    /** If several rows have the same key, the first is used; otherwise they are an error. */
    dropDuplicates: z.boolean().default(false),
  }),
  ports: { input: "many" },
  learns: {
    of: "tables",
    /** Arrow file with columns `key 0`, …, and the file's columns by name; one row a key. */
    state: z.strictObject({ table: artefactPath }),
  },
  facts: {
    ...TOGETHER,
    nulls: "possible",
    rows: params => (params.how === "inner" ? "changed" : "kept"),
  },
  describe: ({ params }) =>
    `join ${Object.keys(params.columns).join(", ")} of ${params.path} by ${params.on.join(", ")}`,
});
