/** `merlon bloom build`: Bloom filters of each user's seen items, for `filterCandidates({ seen })`. */
import { Command } from "commander";
import type { BloomOptions } from "../runtime/etl/bloom-filters.js";
import { summary, withProgress } from "./progress.js";

interface Options extends Omit<BloomOptions, "errorRate" | "onProgress" | "threads"> {
  readonly data: string[];
  readonly errorRate: string;
  readonly out: string;
}

export const bloomCommand = (): Command =>
  new Command("bloom")
    .description("make Bloom filters of the items each user has seen, for filterCandidates")
    .addCommand(
      new Command("build")
        .description("make Parquet with one Bloom filter per user from rows of users and items")
        .requiredOption("-d, --data <paths...>", "files, folders or quoted globs (Parquet, CSV, JSON lines)")
        .requiredOption("--user <column>", "column of users")
        .requiredOption("--item <column>", "column of items: integers or texts")
        .requiredOption("-o, --out <file>", "Parquet file to write")
        .option("--name <column>", "name of the column of filters", "seen_items")
        .option("--error-rate <share>", "false positive rate: unseen items filtered as seen", "0.01")
        .option("--timestamp <column>", "event time column (each user's latest value is kept)")
        .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
        .addHelpText(
          "after",
          `
A filter takes 1.2 bytes an item at an error rate of 0.01, and 1.8 at 0.001.

Example:
  $ merlon bloom build --data 'events/*.parquet' --user user_id --item item_id --timestamp time --out seen.parquet

Serve the column as a BYTES feature. In the program:
  const user = request["user_id"] >> queryFeast("features", { view: "user_seen", bytes: "base64" });
  const unseen = retrieval["candidate_ids"] >> filterCandidates({ seen: user["seen_items"] });`,
        )
        .action(build),
    );

async function build(options: Options): Promise<void> {
  const started = performance.now();
  const { buildBloomFilters } = await import("../runtime/etl/bloom-filters.js");
  const { data, out, errorRate, ...rest } = options;
  const { users, bytes } = await withProgress(onProgress =>
    buildBloomFilters(data, out, { ...rest, errorRate: Number(errorRate), onProgress }),
  );
  const what = `Wrote ${out} (${bytes.toLocaleString("en-US")} bytes of filters)`;
  process.stdout.write(summary(what, users, started));
}
