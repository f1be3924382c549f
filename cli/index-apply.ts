/** `merlon index apply`: changes items of an index while it is served. */
import { Command, Option } from "commander";
import { summary } from "./progress.js";

interface Options {
  readonly upsert: string[];
  readonly delete: string[];
  readonly id: string;
  readonly embedding: string;
  readonly metric?: "cosine";
  readonly wait: string;
  readonly carryOver?: boolean;
}

export const applyCommand = (): Command =>
  new Command("apply")
    .description("add, replace and delete items of an index, also while it is served")
    .argument("<index>", "*.faiss, or a model with one, such as model-repo/NAME")
    .option("--upsert <files...>", "Parquet or Arrow: ids, embeddings and attributes", [])
    .option("--delete <files...>", "ids: text lines, Parquet or Arrow", [])
    .option("--id <column>", "column of the ids", "item_id")
    .option("--embedding <column>", "column of float lists", "embedding")
    .addOption(metricOption())
    .option("--wait <seconds>", "time to wait for another writer", "10")
    .option("--carry-over", "keep the changes of another build")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon index apply index/items.faiss --upsert new.parquet --delete sold.txt
  $ merlon index apply model-repo/recommend --upsert new.parquet`,
    )
    .action(async (index: string, options: Options) => {
      const started = performance.now();
      if (options.upsert.length + options.delete.length === 0 && !options.carryOver)
        throw new Error("there is nothing to apply: give files with --upsert, with --delete, or with both.");
      const { applyChanges } = await import("../runtime/etl/delta/apply.js");
      const applied = await applyChanges(index, {
        upserts: options.upsert,
        deletes: options.delete,
        id: options.id,
        embedding: options.embedding,
        unit: options.metric && true,
        waitMs: secondsOption("wait", options.wait),
        carryOver: options.carryOver === true,
      });
      const { upserts, deletes, unknown, replaced } = applied;
      const notes = [
        ...(replaced > 0 ? [`${replaced} rows had an id that a later row has, too: the last one counts.`] : []),
        ...(unknown > 0
          ? [`${unknown} of the ${deletes} ids to delete are not in the index, such as ${applied.firstUnknown}.`]
          : []),
        ...(upserts > 0 && applied.unit ? ["Vectors were brought to length 1, as those of the index are."] : []),
        ...(applied.attributes.length > 0 ? [`Attributes: ${applied.attributes.join(", ")}.`] : []),
      ];
      process.stdout.write(
        `${summary(`Applied to ${applied.file} (${upserts} upserts, ${deletes} deletions)`, upserts + deletes, started)}${notes.map(note => `${note}\n`).join("")}`,
      );
    });

export const metricOption = (): Option =>
  new Option("--metric <name>", "cosine: bring vectors to length 1 (default: if the index's are)").choices(["cosine"]);

/** @returns milliseconds */
export function secondsOption(name: string, text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds >= 0 && seconds <= 86_400))
    throw new Error(`--${name} is \`${text}\`; give seconds, from 0 to 86400.`);
  return seconds * 1000;
}
