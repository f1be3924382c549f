/**
 * Asks a JavaScript model to fill in its configuration: a thread runs `autoCompleteConfig` and ends. A module that evidently has none is not
 * asked, since a thread costs as much as the rest of the model's start.
 */

import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";

/** How long a module may take to load and answer. */
const PATIENCE_MS = 30_000;

export type CompleteAnswer = { readonly config: ModelConfig } | { readonly fault: string };

/** @throws RuntimeFault when the module can't be loaded, contradicts the configuration, or does not answer */
export async function completeByModel(config: ModelConfig, file: string): Promise<ModelConfig> {
  return mayComplete(readFileSync(file, "utf8")) ? askModel(config, file) : config;
}

/** Whether a module's text has the function, or may have it from another module of the model's; Node's own have none. */
const mayComplete = (text: string): boolean =>
  /autoCompleteConfig|\\u/.test(text) ||
  /\bfrom\s*["']|\bimport\s*["'(]|require\b/i.test(text.replace(NODE_IMPORT, ""));
const NODE_IMPORT = /^import\b[^"';]*["']node:[\w/]+["'];?$/gm;

function askModel(config: ModelConfig, file: string): Promise<ModelConfig> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./complete-worker.js", import.meta.url), { workerData: { config, file } });
    const fail = (text: string): void => reject(new RuntimeFault("INTERNAL", text));
    const timer = setTimeout(() => {
      fail(`${file} did not complete its configuration within ${PATIENCE_MS} ms`);
      inBackground(worker.terminate(), "ending the thread of a model");
    }, PATIENCE_MS);
    worker.on("message", (answer: CompleteAnswer) => {
      if ("fault" in answer) fail(answer.fault);
      else resolve(answer.config);
      inBackground(worker.terminate(), "ending the thread of a model");
    });
    worker.on("error", error => fail(error.message));
    worker.on("exit", () => {
      clearTimeout(timer);
      fail(`${file} ended its thread while it was loaded`);
    });
  });
}
