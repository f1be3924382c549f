/**
 * `merlon diff`: sends a recording to two servers or repositories and says where their answers part.
 */
import { join } from "node:path";
import { Command } from "commander";
import { fileForm } from "../compiler/1-rewrite/file-form.js";
import { TemporaryFolder } from "../contract/files/temporary-folder.js";
import type { Measure } from "../runtime/testing/recordings/compare-tensors.js";
import type { RequestDiff } from "../runtime/testing/recordings/diff.js";
import type { DiffTarget, DiffTargetOptions } from "../runtime/testing/recordings/diff-target.js";
import { numberLike } from "./numbers.js";

interface Options {
  readonly requests?: string;
  readonly ulp?: number;
  readonly tolerance?: number;
  readonly atol: number;
  readonly format: "text" | "json";
  readonly limit?: number;
  readonly deadline: number;
}

const amount = numberLike(/./s, "Write a number of 0 or more.", value => value >= 0);

export const diffCommand = (): Command =>
  new Command("diff")
    .description("Send a recording to two servers or repositories and compare the answers, tensor by tensor")
    .argument(
      "<a>",
      "a server (host:8001, http://…), a model repository, an *.ensemble.ts or *.merlon, or a cassette: what was answered when it was recorded",
    )
    .argument("<b>", "the same")
    .option("--requests <file>", "cassette to send, if neither side is one")
    .option("--ulp <n>", "maximum difference of floats in ULPs", amount)
    .option("--tolerance <r>", "relative tolerance for floats", amount)
    .option("--atol <d>", "absolute tolerance for floats, added to --tolerance", amount, 0)
    .option("--limit <n>", "maximum number of requests", amount)
    .option("--deadline <seconds>", "timeout of a response in seconds", amount, 60)
    .option("--format <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Without --ulp or --tolerance every bit counts. Requests that draw random numbers need the parameter \`seed\`, or --seed at both servers;
repositories are served with seed 0. Ends with 1 where something differs.

  $ merlon diff staging.cassette model-repo
  $ merlon diff triton:8001 merlon:8001 --requests staging.cassette --ulp 4
  $ merlon diff model-repo@main model-repo --requests staging.cassette --tolerance 1e-5
  $ merlon diff recommend.ensemble.ts model-repo --requests staging.cassette`,
    )
    .action(async (a: string, b: string, options: Options) => {
      const { openCassette } = await import("../runtime/server/recordings/cassette.js");
      const { diff } = await import("../runtime/testing/recordings/diff.js");
      const { stat } = await import("node:fs/promises");
      const isFile = async (path: string): Promise<boolean> =>
        !path.endsWith(".ts") && ((await stat(path).catch(() => undefined))?.isFile() ?? false);
      const file = options.requests ?? ((await isFile(a)) ? a : (await isFile(b)) ? b : undefined);
      if (file === undefined)
        throw new Error(
          "neither side is a cassette: name the requests to send with --requests FILE (`merlon record` makes one)",
        );
      const requests = await openCassette(file);
      const targets: DiffTarget[] = [];
      try {
        if (requests.broken) process.stderr.write(`warning: ${requests.broken}\n`);
        const chosen = requests.entries.slice(0, options.limit);
        if (chosen.length === 0) throw new Error(`${file} holds no inference request, so there is nothing to compare`);
        const own = { requests, deadline: options.deadline * 1000 };
        for (const side of [a, b]) targets.push(await openSide(side, own));
        const exchanges = (async function* () {
          for (const entry of chosen) yield await requests.read(entry);
        })();
        const results = await diff(exchanges, targets as [DiffTarget, DiffTarget], measureOf(options));
        process.stdout.write(
          options.format === "json" ? `${JSON.stringify(results, null, 2)}\n` : print(results, [a, b]),
        );
        if (results.some(({ differences }) => differences.length > 0)) process.exitCode = 1;
      } finally {
        await Promise.all(targets.map(target => target.close()));
        await requests.close();
      }
    });

const measureOf = ({ ulp, tolerance, atol }: Options): Measure => {
  if (ulp !== undefined) return { kind: "ulp", ulp };
  return tolerance === undefined ? { kind: "bits" } : { kind: "tolerance", relative: tolerance, absolute: atol };
};

const isProgram = (text: string): boolean => {
  const file = fileForm(text);
  return file !== undefined && file.kind !== "workflow";
};

/** A program is built first, into a folder that is removed with it. */
async function openSide(text: string, options: DiffTargetOptions): Promise<DiffTarget> {
  const { openDiffTarget } = await import("../runtime/testing/recordings/diff-target.js");
  if (!isProgram(text)) return openDiffTarget(text, options);
  const { build, compile, printDiagnostics } = await import("../compiler/index.js");
  const compiled = await compile(text);
  if (!compiled.ok) throw new Error(`${text} does not compile:\n${printDiagnostics(compiled.diagnostics)}`);
  if (compiled.plan.kind === "workflow") throw new Error(`${text} is a workflow: a recording is of an ensemble.`);
  const folder = new TemporaryFolder("diff");
  const remove = (): Promise<void> => folder.dispose();
  try {
    const out = join(folder.path, "model-repo");
    build(compiled, out);
    const target = await openDiffTarget(out, options);
    return { ...target, name: text, close: () => target.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

function print(results: readonly RequestDiff[], [a, b]: readonly [string, string]): string {
  const different = results.filter(({ differences }) => differences.length > 0);
  const lines = different.flatMap(({ line, model, differences, stage }) => [
    `✘ request on line ${line}, model ${model}`,
    ...differences.map(({ name, text, count, of, maxAbsolute, maxUlp }) => {
      const far = maxUlp === undefined ? "" : `; at most ${maxAbsolute!.toPrecision(3)}, ${maxUlp} ulp apart`;
      return `    ${name ? `${name}: ` : ""}${text}${of > 1 ? `  (${count} of ${of} elements${far})` : ""}`;
    }),
    ...(stage ? [`    first at stage ${stage.name}, ${stage.difference.name}: ${stage.difference.text}`] : []),
  ]);
  const verdict =
    different.length === 0
      ? `✔ ${results.length} requests, the same answers from ${a} and ${b}`
      : `${different.length} of ${results.length} requests are answered differently by ${a} and ${b}`;
  return `${[...lines, verdict].join("\n")}\n`;
}
