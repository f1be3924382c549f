/** `merlon index follow`: applies new files of a folder, or new entries of a Redis stream, until it is stopped. */
import { Command, Option } from "commander";
import type { Feed, Warn } from "../runtime/etl/delta/follow/feed.js";
import { metricOption, secondsOption } from "./index-apply.js";

interface Options {
  readonly folder?: string;
  readonly redisStream?: string[];
  readonly name?: string;
  readonly id: string;
  readonly embedding: string;
  readonly encoding: "json" | "float32";
  readonly metric?: "cosine";
  readonly maxBytes?: string;
  readonly batchBytes: string;
  readonly remove?: boolean;
  readonly once?: boolean;
  readonly wait: string;
}

const MIB = 2 ** 20;

/** Names of files are written by others, and no command in them may reach a terminal. */
const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, one => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const followCommand = (): Command =>
  new Command("follow")
    .description("apply items from a folder or a Redis stream as they arrive")
    .argument("<index>", "*.faiss, or a model with one, such as model-repo/NAME")
    .addOption(new Option("--folder <dir>", "folder of new Parquet, Arrow and text files"))
    .addOption(new Option("--redis-stream <parts...>", "URL of a server, and a stream's key").conflicts("folder"))
    .option("--name <text>", "stream: name of its position (default: the key)")
    .option("--id <column>", "column of the ids", "item_id")
    .option("--embedding <column>", "column of float lists", "embedding")
    .addOption(
      new Option("--encoding <name>", "stream: lists as JSON, or little-endian bytes")
        .choices(["json", "float32"])
        .default("json"),
    )
    .addOption(metricOption())
    .option("--max-bytes <n>", "size of a file (256 MiB) or entry (1 MiB)")
    .option("--batch-bytes <n>", "stream: size of one change", String(8 * MIB))
    .option("--remove", "folder: delete applied files (default: move them to DIR/done)")
    .option("--once", "end when nothing new is there")
    .option("--wait <seconds>", "time to wait for another writer", "10")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon index follow model-repo/recommend --folder incoming
  $ merlon index follow model-repo/recommend --redis-stream 'redis://:\${REDIS_PASSWORD}@localhost:6379' items`,
    )
    .action(async (index: string, options: Options) => {
      const { followFeed } = await import("../runtime/etl/delta/follow/follow-feed.js");
      const warn: Warn = text => void process.stderr.write(`merlon: ${plain(text)}\n`);
      const waitMs = secondsOption("wait", options.wait);
      const stop = new AbortController();
      const onSignal = (_: NodeJS.Signals, number: number): void => {
        // A second signal does not wait for the present change.
        if (stop.signal.aborted) process.exit(128 + number);
        stop.abort();
      };
      process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
      const feed = await openFeed(options, warn);
      try {
        const { batches, upserts, deletes } = await followFeed(index, feed, {
          waitMs,
          unit: options.metric && true,
          once: options.once === true,
          signal: stop.signal,
          warn,
          onBatch: ({ what, counts }) =>
            void process.stdout.write(
              `${new Date().toISOString()} ${plain(what)} (${counts.upserts} upserts, ${counts.deletes} deletions)\n`,
            ),
        });
        process.stdout.write(`✔ Applied ${batches} changes (${upserts} upserts, ${deletes} deletions)\n`);
      } finally {
        process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
        await feed.close();
      }
    });

async function openFeed(options: Options, warn: Warn): Promise<Feed> {
  const { folder, redisStream, id, embedding, name, encoding } = options;
  const most = options.maxBytes === undefined ? undefined : bytesOption("max-bytes", options.maxBytes);
  if (folder !== undefined) {
    const { openFolderFeed } = await import("../runtime/etl/delta/follow/folder-feed.js");
    return openFolderFeed(folder, {
      id,
      embedding,
      maxBytes: most ?? 256 * MIB,
      removes: options.remove === true,
      warn,
    });
  }
  if (redisStream === undefined) throw new Error("there is nothing to follow: give `--folder` or `--redis-stream`.");
  const [url, key, ...more] = redisStream;
  if (key === undefined || more.length > 0)
    throw new Error("`--redis-stream` has two parts, a URL and a key: `--redis-stream redis://localhost:6379 items`.");
  const { openStreamFeed } = await import("../runtime/etl/delta/follow/stream-feed.js");
  const { readStreamAddress } = await import("../runtime/etl/delta/follow/stream-address.js");
  const batchBytes = bytesOption("batch-bytes", options.batchBytes);
  const maxBytes = most ?? MIB;
  return openStreamFeed(readStreamAddress(url!), { key, name, id, embedding, encoding, maxBytes, batchBytes, warn });
}

/** A record of the delta has 64 MiB, and a file's rows are several records. */
function bytesOption(name: string, text: string): number {
  const most = name === "batch-bytes" ? 16 * MIB : 2 ** 40;
  if (/^[1-9]\d{0,14}$/.test(text) && Number(text) <= most) return Number(text);
  throw new Error(`--${name} is \`${text}\`; give a number of bytes, from 1 to ${most}.`);
}
