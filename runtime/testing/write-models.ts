/**
 * Models and plans of a test → a model repository in a temporary folder, which is removed with the server.
 */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { entryConfig } from "../../contract/entry-config.js";
import { modelName } from "../../contract/files/model-name.js";
import { TemporaryFolder } from "../../contract/files/temporary-folder.js";
import { type Plan, printPlan } from "../../contract/plan.js";
import { printModelConfig } from "../../triton-protos/model-config.js";
import { type AnyModelDefinition, configText } from "./define-model.js";

export interface PlanSource {
  readonly plan: Plan;
  /** Folder that the plan's artefacts are in; it is copied. */
  readonly folder?: string;
  /** 0, the default: no batch dimension, so candidates travel as `NAME__values` and `NAME__offsets`. */
  readonly maxBatchSize?: number;
}

export interface TemporaryRepository {
  readonly folder: string;
  remove(): Promise<void>;
}

const temporary = async (write: (folder: string) => Promise<void>): Promise<TemporaryRepository> => {
  const made = new TemporaryFolder("test");
  const folder = made.path;
  const remove = (): Promise<void> => made.dispose();
  try {
    await write(folder);
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
};

export const writeModels = (models: Readonly<Record<string, AnyModelDefinition>>): Promise<TemporaryRepository> =>
  temporary(async folder => {
    await Promise.all(
      Object.entries(models).map(async ([name, model]) => {
        const at = join(folder, modelName(name));
        await mkdir(join(at, "1"), { recursive: true });
        await writeFile(join(at, "config.pbtxt"), configText(name, model));
        if (model.mock) await writeFile(join(at, "mock.json"), JSON.stringify(model.mock));
      }),
    );
  });

export const writePlan = ({ plan, folder: artefacts, maxBatchSize = 0 }: PlanSource): Promise<TemporaryRepository> =>
  temporary(async folder => {
    const at = join(folder, modelName(plan.name));
    const version = join(at, "1");
    await mkdir(version, { recursive: true });
    if (artefacts) await cp(artefacts, version, { recursive: true });
    await writeFile(join(version, "plan.json"), printPlan(plan));
    await writeFile(
      join(at, "config.pbtxt"),
      printModelConfig(
        entryConfig(plan, { name: plan.name, maxBatchSize, form: maxBatchSize > 0 ? "batched" : "unbatched" }),
      ),
    );
  });
