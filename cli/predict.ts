/** `merlon predict MODEL.onnx --data GLOB --out FILE`: runs an ONNX model over Parquet. */
import { Command } from "commander";
import type { KeptColumn } from "../runtime/etl/kept-columns.js";
import { type DatabaseFlags, databaseOptions } from "./fit.js";
import { keptNames } from "./names.js";
import { summary, withProgress } from "./progress.js";

interface Options extends DatabaseFlags {
  readonly data: string[];
  readonly out: string;
  readonly keep?: KeptColumn[];
}

export const predictCommand = (): Command =>
  new Command("predict")
    .description("run an ONNX model over Parquet or CSV, and write its outputs as Parquet")
    .argument("<model>", "*.onnx; each input takes the column of its name")
    .requiredOption("-d, --data <paths...>", "Parquet or CSV: files, folders or quoted globs")
    .requiredOption("-o, --out <file>", "Parquet file to write")
    .option("-k, --keep <columns>", "additional columns of the data (a, or a=b under another name)", keptNames)
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Example: embed every item, then index the embeddings
  $ merlon transform etl/item --data items.parquet --out items_encoded.parquet --keep product_id
  $ merlon predict models/item_tower.onnx --data items_encoded.parquet --out embeddings.parquet --keep product_id
  $ merlon index build --data embeddings.parquet --id product_id --embedding embedding --out index/items.faiss`,
    )
    .action(async (model: string, options: Options) => {
      const started = performance.now();
      const { predictOnnx } = await import("../runtime/etl/predict.js");
      const { data, out, keep } = options;
      const { rows } = await withProgress(onProgress =>
        predictOnnx(model, data, out, { ...(keep && { keep }), onProgress, ...databaseOptions(options) }),
      );
      process.stdout.write(summary(`Predicted to ${out}`, rows, started));
    });
