/** `merlon evaluate --on ROWS --policy COLUMN`: estimates a policy's reward on logged requests, with intervals and reasons for doubt. */

import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { defined } from "../contract/defined.js";
import { writeNamed } from "../contract/files/file-fault.js";
import type { DrawRule } from "../operators/shared/spec/facts.js";
import type { EstimatorName, Tuning } from "../runtime/evaluation/estimators.js";
import type { EvaluateOptions, Evaluation } from "../runtime/evaluation/evaluate.js";
import type { LogColumns, PolicySource } from "../runtime/evaluation/log-columns.js";
import type { Verdict } from "../runtime/evaluation/verdict.js";
import { type DatabaseFlags, databaseOptions } from "./fit.js";
import { numberLike, readLevel } from "./numbers.js";
import { printTable } from "./print-table.js";

interface Options
  extends DatabaseFlags,
    Pick<LogColumns, "reward" | "predicted" | "marginalPolicy" | "marginalPropensity" | "segment">,
    Tuning,
    Pick<EvaluateOptions, "samples" | "seed" | "level"> {
  readonly on: string[];
  readonly policy?: string;
  readonly score?: string;
  readonly temperature?: number;
  readonly served?: string[];
  readonly fitRewards?: true | string[];
  readonly loggedTemperature?: number;
  readonly estimator?: string[];
  readonly json?: true;
  readonly html?: string;
}

const readNumber = numberLike(/^-?\d{1,9}(\.\d{1,12})?$/, "A number is expected.");
const readAbove = (text: string): number => {
  const value = readNumber(text);
  if (value < 0) throw new InvalidArgumentError("A number of at least 0 is expected.");
  return value;
};
const readPositive = (text: string): number => {
  const value = readNumber(text);
  if (value <= 0) throw new InvalidArgumentError("A number above 0 is expected.");
  return value;
};
const readSamples = numberLike(/^\d{2,6}$/, "A whole number from 20 to 999999 is expected.", value => value >= 20);
const readSeed = numberLike(/^\d{1,15}$/, "A whole number of at most 15 digits is expected.");

export const evaluateCommand = (): Command =>
  new Command("evaluate")
    .description("estimate from logged requests what another policy would have earned (off-policy evaluation)")
    .argument("[ensemble]", "*.ensemble.ts, *.merlon, or a model's folder in a repository")
    .requiredOption("--on <paths...>", "joined exposure rows: files, folders or quoted globs")
    .option("--served <folders...>", "folders of the models that wrote the log")
    .addOption(
      new Option("--policy <column>", "column of the policy's probabilities of shown items").conflicts([
        "score",
        "temperature",
      ]),
    )
    .option("--score <column>", "column of the policy's scores of all candidates")
    .option("--temperature <t>", "draws by exp(t · score) (default: orders by score)", readNumber)
    .option("--reward <column>", "column of rewards", "reward")
    .option("--estimator <names...>", "estimators; the first allowed one decides")
    .option("--clip <weight>", "largest importance weight, for ips and dr", readPositive)
    .option("--tau <weight>", "largest corrected weight, for switch-dr", readAbove)
    .option("--lambda <strength>", "shrinkage, for dros, sg-ips and sg-dr", readAbove)
    .option("--predicted <column>", "rewards that a model predicts for all candidates")
    .option("--fit-rewards [columns...]", "fit a reward model on the log (default: all columns of numbers)")
    .option("--logged-temperature <number>", "temperature of the logged draw, for iips", readNumber)
    .option("--marginal-policy <column>", "the policy's probability whatever is above, for iips")
    .option("--marginal-propensity <column>", "the logged probability whatever is above, for iips")
    .option("--segment <column>", "column whose values are checked for overlap")
    .option("--samples <n>", "bootstrap samples", readSamples, 1000)
    .option("--seed <n>", "seed of the bootstrap", readSeed, 0)
    .option("--level <share>", "level of the intervals", readLevel, 0.95)
    .option("--json", "print JSON")
    .option("--html <file>", "write a page")
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .option("--threads <n>", "how many threads DuckDB may use")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon evaluate new.ensemble.ts --on joined.parquet
  $ merlon evaluate new.ensemble.ts --on joined.parquet --served model-repo/shop
  $ merlon evaluate --on joined.parquet --policy new_probability
  $ merlon evaluate --on joined.parquet --score new_score --temperature 10 --segment country
  $ merlon evaluate --on joined.parquet --score new_score --predicted q --estimator cascade-dr rips --html report.html

For lists: snrips, rips, sips, snsips, iips, sniips, cascade-dr.
For lists of one item: snips, ips, replay, sg-ips, dm, dr, sndr, switch-dr, dros, sg-dr.

A reward model for cascade-dr, dm and dr is in --predicted, or fitted on the log.`,
    )
    .action(evaluate);

async function evaluate(ensemble: string | undefined, options: Options): Promise<void> {
  const [{ readLog }, { evaluate: estimate }, { judge }] = await Promise.all([
    import("../runtime/evaluation/read-log.js"),
    import("../runtime/evaluation/evaluate.js"),
    import("../runtime/evaluation/verdict.js"),
  ]);
  const { reward, predicted, marginalPolicy, marginalPropensity, segment, samples, seed, level } = options;
  const estimators = options.estimator && (await knownEstimators(options.estimator));
  const fitted = await fittedColumns(options, estimators);
  const logged = await drawOfLog(options, estimators);
  const columns = {
    reward,
    ...defined({ loggedDraw: logged, predicted, marginalPolicy, marginalPropensity, segment }),
    ...(fitted && { fitRewards: { columns: fitted } }),
  };
  const log = await withPolicy(ensemble, options, policy =>
    readLog(options.on, { policy, ...columns }, databaseOptions(options)),
  );
  if (!log) return;
  const evaluation = estimate(log, {
    tuning: {
      ...defined({ clip: options.clip, tau: options.tau, lambda: options.lambda }),
    },
    ...(estimators && { estimators }),
    samples,
    seed,
    level,
  });
  const verdict = judge(evaluation);
  if (options.html !== undefined) {
    const { evaluationPage } = await import("../runtime/evaluation/evaluation-page.js");
    writeNamed(options.html, path => writeFileSync(path, evaluationPage(evaluation, verdict)));
  }
  process.stdout.write(
    options.json ? `${JSON.stringify({ verdict, ...evaluation }, null, 2)}\n` : await report(evaluation, verdict),
  );
}

/**
 * A reward model is fitted if its option is there, or if an estimator needs a model and no column is one.
 * @returns names of columns, none for all; undefined if none is fitted
 */
async function fittedColumns(
  { fitRewards, predicted }: Options,
  estimators: readonly EstimatorName[] = [],
): Promise<readonly string[] | undefined> {
  if (fitRewards !== undefined && predicted !== undefined)
    throw new Error(
      "`--predicted` names the rewards of a model, and `--fit-rewards` fits another one. Leave one of them out.",
    );
  if (fitRewards !== undefined) return fitRewards === true ? [] : fitRewards;
  const { ESTIMATORS } = await import("../runtime/evaluation/estimators.js");
  return predicted === undefined && estimators.some(name => ESTIMATORS[name].needs.includes("model")) ? [] : undefined;
}

/** The draw of the log, if marginal probabilities are computed: from its temperature, or from the plans that were served. */
async function drawOfLog(
  { loggedTemperature, marginalPolicy, marginalPropensity, served }: Options,
  estimators: readonly EstimatorName[] = [],
): Promise<DrawRule | undefined> {
  if (loggedTemperature !== undefined) return { temperature: loggedTemperature };
  const { ESTIMATORS } = await import("../runtime/evaluation/estimators.js");
  const isNeeded = estimators.some(name => ESTIMATORS[name].needs.includes("marginal"));
  if (!isNeeded || !served || marginalPolicy !== undefined || marginalPropensity !== undefined) return undefined;
  const { loggedDraw } = await import("../runtime/evaluation/logged-draw.js");
  return loggedDraw(served);
}

/** @returns undefined if the ensemble does not compile, which has been reported */
async function withPolicy<T>(
  ensemble: string | undefined,
  { policy, score, temperature, served }: Options,
  read: (policy: PolicySource) => Promise<T>,
): Promise<T | undefined> {
  const given = [ensemble, policy, score].filter(one => one !== undefined).length;
  if (given !== 1)
    throw new Error(
      "Name one policy to evaluate: an ensemble, `--policy COLUMN` of probabilities, or `--score COLUMN` of scores of all candidates.",
    );
  if (served && ensemble === undefined)
    throw new Error("`--served` is for an ensemble, which reads the columns of the log by name.");
  if (policy !== undefined) return read({ kind: "column", column: policy });
  if (score !== undefined) return read({ kind: "score", column: score, temperature });
  const { withCandidate } = await import("./evaluate-program.js");
  return withCandidate(ensemble!, served ?? [], read);
}

async function knownEstimators(names: readonly string[]) {
  const [{ ESTIMATOR_NAMES }, { didYouMean }] = await Promise.all([
    import("../runtime/evaluation/estimators.js"),
    import("../runtime/etl/nearest-name.js"),
  ]);
  return names
    .flatMap(name => name.split(","))
    .map(name => {
      const found = ESTIMATOR_NAMES.find(known => known === name);
      if (found !== undefined) return found;
      throw new Error(
        `\`${name}\` is not an estimator.${didYouMean(name, ESTIMATOR_NAMES)} The estimators are ${ESTIMATOR_NAMES.join(", ")}.`,
      );
    });
}

async function report(evaluation: Evaluation, { outcome, sentence, warnings }: Verdict): Promise<string> {
  const [{ headOf, modelOf, rowsOf }, { basisOf }] = await Promise.all([
    import("../runtime/evaluation/evaluation-table.js"),
    import("../runtime/evaluation/verdict.js"),
  ]);
  const mark = outcome === "not reliable" ? "✘" : "✔";
  const doubts = warnings.map(warning => `  ! ${warning}.\n`).join("");
  const model = modelOf(evaluation);
  return `${headOf(evaluation)}\n${model === undefined ? "" : `${model}\n`}\n${printTable(rowsOf(evaluation))}\n${mark} ${sentence}\n  ${basisOf(evaluation)}\n${doubts}`;
}
