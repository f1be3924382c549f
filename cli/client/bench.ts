/** `merlon client bench MODEL`: a concurrency sweep, as perf_analyzer prints it. */
import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { writeNamed } from "../../contract/files/file-fault.js";
import { benchCsv, benchLines, benchPage } from "./bench-report.js";
import { type ConnectionOptions, connected, positive, printJson, withClient } from "./connection.js";
import { type BenchPoint, measure } from "./measure.js";
import { withPairs } from "./pairs.js";
import { inferOptions, type RequestOptions, readInputs, requested } from "./request.js";
import { template } from "./template.js";

interface Options extends ConnectionOptions, RequestOptions {
  readonly concurrency: readonly number[];
  readonly seconds: number;
  readonly warmup: number;
  readonly csv?: string;
  readonly html?: string;
}

const sweep = (value: string): number[] => {
  const [from, to, step] = value.split(":").map(Number);
  const all = value.includes(":")
    ? Array.from({ length: Math.floor((to! - from!) / (step || 1)) + 1 }, (_, i) => from! + i * (step || 1))
    : value.split(",").map(Number);
  if (all.length === 0 || all.some(n => !Number.isInteger(n) || n < 1))
    throw new InvalidArgumentError("Write it as 1,2,4,8 or as first:last:step.");
  return all;
};

export const benchCommand = (): Command =>
  connected(
    requested(
      new Command("bench").description(
        "load a model with requests at several concurrencies, and show latency, rate and time per phase",
      ),
    ),
  )
    .option("-c, --concurrency <list>", "requests in flight (1,2,4,8 or first:last:step)", sweep, [1, 2, 4, 8])
    .option("-s, --seconds <n>", "how long each is measured", positive, 3)
    .option("--warmup <n>", "seconds before that, which do not count", value => Number(value), 0.5)
    .option("--csv <file>", "write the numbers")
    .option("--html <file>", "page to write (latency as a function of rate)")
    .addHelpText(
      "after",
      "\nWithout inputs the requests hold zeros.\n\nExample:\n  $ merlon client bench recommend user_id=7 -c 1:16:4 --html bench.html --csv bench.csv",
    )
    .action(async (model: string, words: string[], options: Options) => {
      await withClient(options, async client => {
        const given = await readInputs(client, model, words, options);
        const declared = await client.modelMetadata(model, options.version);
        const inputs = Object.keys(given).length > 0 ? given : withPairs(template(declared), declared.inputs);
        const points: BenchPoint[] = [];
        for (const concurrency of options.concurrency) {
          if (!options.json && process.stderr.isTTY) process.stderr.write(`measuring ${concurrency} in flight …\r`);
          points.push(
            await measure(client, model, inputs, inferOptions(options), {
              concurrency,
              seconds: options.seconds,
              warmup: options.warmup,
            }),
          );
          if (!options.json) process.stdout.write(benchLines(points.at(-1)!, points.length === 1));
        }
        if (options.json) process.stdout.write(printJson(points));
        if (options.csv) writeNamed(options.csv, path => writeFileSync(path, benchCsv(points)));
        if (options.html)
          writeNamed(options.html, path => writeFileSync(path, benchPage(points, model, client.address)));
        for (const file of [options.csv, options.html])
          if (file && !options.json) process.stdout.write(`✔ Wrote ${file}\n`);
      });
    });
