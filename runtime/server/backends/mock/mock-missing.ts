/**
 * `--mock-missing`: mocks replace every backend, model file, index and store that isn't here, so that any team's repository can be served
 * without its models. Existing files are served.
 */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { artefactsOf } from "../../../../contract/any-step.js";
import { joinInside } from "../../../../contract/files/path-inside.js";
import type { AnyStep } from "../../../../contract/plan.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../../base/errors.js";
import { missingPackage, packageFault } from "../../../base/missing-package.js";
import { emptyColumns, runStage, type StageFunction } from "../../../engine/schedule/stage-function.js";
import { findInside } from "../../models/inside-folder.js";
import type { ModelMiddleware } from "../../models/model-middleware.js";
import { UnknownBackend } from "../index.js";

/** The file without which a model of that backend can't be served. */
const FILES: Readonly<Record<string, (config: ModelConfig) => string>> = {
  onnxruntime: config => config.default_model_filename || "model.onnx",
  javascript: config => config.default_model_filename || "model.mjs",
  merlon: () => "plan.json",
};

/** The replaced model, or a stage of its plan. */
export interface Mocked {
  readonly model: string;
  readonly stage?: string;
  /** The missing parts. */
  readonly reason: string;
}

/** `MODEL` or `MODEL/STAGE`. */
export const mockedName = ({ model, stage }: Mocked): string => (stage === undefined ? model : `${model}/${stage}`);

/** @param told called for each model or stage when it is mocked, also when it is loaded again */
export const mockMissing = (told: (mocked: Mocked) => void = () => {}): ModelMiddleware => ({
  assume: "mock",
  async backend({ config, folder }, choose) {
    const mock = async (reason: string) => {
      told({ model: config.name, reason });
      return (await import("../mock.js")).mockBackend;
    };
    try {
      const chosen = await choose();
      const file = config.platform === "ensemble" ? undefined : FILES[config.backend]?.(config);
      // A file outside is refused later, and no mock hides that.
      const path = file === undefined ? undefined : findInside(folder, file, dirname(folder));
      const missing = path !== undefined && !(await isThere(path));
      // A replacement written in JavaScript is here, whatever file it replaces.
      if (!missing || (await isThere(join(folder, "model.mjs")))) return chosen;
      return await mock(`${file} is not in its folder`);
    } catch (error) {
      if (error instanceof UnknownBackend) return mock(`backend '${config.backend}' is not part of this server`);
      const absent = missingPackage(error);
      if (absent !== undefined) return mock(absent);
      throw error;
    }
  },
  async step({ model, plan, step, folder }, prepare) {
    try {
      return await prepare();
    } catch (error) {
      const reason = await whyAbsent(step, folder, error);
      if (reason === undefined) throw error;
      told({ model, stage: step.label, reason });
      const place = { plan, first: step, last: step };
      return { run: (inputs, context) => runStage(standIn, place, inputs, context) };
    }
  },
});

/** The reason that a step can't be prepared, if a file or a store is missing. */
async function whyAbsent(step: AnyStep, folder: string, error: unknown): Promise<string | undefined> {
  for (const path of Object.values(artefactsOf(step)))
    if (!(await isThere(joinInside(folder, path)))) return `${path} is not in its folder`;
  const { code, message, cause } = RuntimeFault.from(error);
  // A package that is installed and does not work is a broken installation, which a mock would hide.
  const isBroken = [error, cause].some(one => missingPackage(one) === undefined && packageFault(one) !== undefined);
  return code === "UNAVAILABLE" && !isBroken ? message : undefined;
}

/** Maximum number of candidates of a stage. */
const CANDIDATES = 10;

/** Zeros and empty texts; a stage that finds candidates finds 1, 2, 3 …, the best first. */
const standIn: StageFunction = async (columns, context) => {
  const empty = await emptyColumns(columns, context);
  const count = Math.min(CANDIDATES, Number(context.params.topk ?? CANDIDATES));
  const found = context.outputs
    .filter(({ makesRows, list }) => makesRows && !list)
    .map(({ name, dtype }) => {
      const value = (i: number): number | string =>
        dtype === "string" ? String(i + 1) : /^float/.test(dtype) ? 1 / (i + 1) : i + 1;
      return [
        name,
        Array.from({ length: context.rows }, () => Array.from({ length: count }, (_, i) => value(i))),
      ] as const;
    });
  return { ...empty, ...Object.fromEntries(found) };
};

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
