/** A built ensemble → a policy that scores logged candidates as the ensemble would. */
import { basename, dirname, join, resolve } from "node:path";
import { expandFused } from "../../contract/expand-fused.js";
import { FILE_LIMITS, readRegular } from "../../contract/files/read-regular.js";
import { parsePlan } from "../../contract/plan.js";
import type { Column } from "../base/columns/table.js";
import { invalid } from "../base/errors.js";
import { preparePlan } from "../engine/schedule/execute.js";
import type { ReplaySource } from "./log-columns.js";
import { latestVersion, replayModels } from "./replay-models.js";
import { ITEM, scoringPlan } from "./scoring-plan.js";
import { checkServed, readServedPlans } from "./served-log.js";

export interface Candidate extends ReplaySource {
  readonly name: string;
  close(): Promise<void>;
}

/**
 * Opens the latest version of a model of a repository.
 * @param model folder of the model, which `merlon build` wrote
 * @param served folders of the models that wrote the log, to compare its columns with @throws RuntimeFault, PlanError
 */
export async function openCandidate(model: string, served: readonly string[] = []): Promise<Candidate> {
  const folder = resolve(model);
  const version = join(folder, latestVersion(folder));
  const file = join(version, "plan.json");
  const text = await readRegular(file, FILE_LIMITS.document).catch(error => {
    throw invalid(
      `\`${file}\` cannot be read: ${(error as Error).message}. Name the folder of an ensemble that \`merlon build\` wrote, such as model-repo/${basename(folder)}.`,
      { cause: error },
    );
  });
  const whole = parsePlan(text.toString(), file);
  const { plan, rule } = scoringPlan(whole);
  const plans = (await Promise.all(served.map(readServedPlans))).flat();
  const read = { plan: expandFused(whole), columns: plan.inputs.map(({ name }) => name).filter(name => name !== ITEM) };
  const models = replayModels(dirname(folder));
  const executable = await preparePlan(plan, { folder: version, models }).catch(async error => {
    await models.close();
    throw error;
  });
  return {
    kind: "replay",
    name: plan.name,
    columns: plan.inputs,
    rule,
    check: rows => checkServed(rows, read, plans),
    async score(features: ReadonlyMap<string, Column>) {
      const { columns } = await executable.run(features, { seed: 0n, parameters: new Map() });
      const { values, validity } = columns.get("score")!;
      return Float64Array.from({ length: values.length }, (_, i) =>
        validity?.[i] === 0 ? Number.NaN : Number(values[i]),
      );
    },
    async close() {
      await executable.close();
      await models.close();
    },
  };
}
