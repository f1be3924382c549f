/** `merlon index compact`: writes the changes of an index into the index. */
import { Command } from "commander";
import { secondsOption } from "./index-apply.js";
import { summary } from "./progress.js";

export const compactCommand = (): Command =>
  new Command("compact")
    .description("write the changes of an index into a new base, also while it is served")
    .argument("<index>", "*.faiss, or a model with one, such as model-repo/NAME")
    .option("--wait <seconds>", "time to wait for another writer", "10")
    .addHelpText("after", "\nExample:\n  $ merlon index compact index/items.faiss")
    .action(async (index: string, options: { readonly wait: string }) => {
      const started = performance.now();
      const { compactIndex } = await import("../runtime/etl/delta/compact.js");
      const { file, count, changes } = await compactIndex(index, { waitMs: secondsOption("wait", options.wait) });
      process.stdout.write(
        changes === 0
          ? `${file} has no changes.\n`
          : summary(`Compacted ${changes} changed ids into ${file}`, count, started),
      );
    });
