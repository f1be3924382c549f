/**
 * The thread in which a JavaScript model fills in its configuration.
 */
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { JavaScriptModel } from "./api.js";
import type { CompleteAnswer } from "./complete.js";
import { createBuilder } from "./config-builder.js";
import { describeRaised } from "./raised.js";

const { config, file } = workerData as { readonly config: ModelConfig; readonly file: string };

async function complete(): Promise<ModelConfig> {
  const module = (await import(pathToFileURL(file).href)) as { default?: JavaScriptModel } & JavaScriptModel;
  const model = typeof module.execute === "function" ? module : module.default;
  const builder = createBuilder(config);
  await model?.autoCompleteConfig?.(builder);
  return builder.config;
}

const post = (answer: CompleteAnswer): void => parentPort!.postMessage(answer);
complete().then(
  done => post({ config: done }),
  error => post({ fault: describeRaised(error, dirname(file)) }),
);
