/**
 * Lets a JavaScript model complete its configuration: a thread runs `autoCompleteConfig` and ends. If a module evidently has no such
 * function, no thread is started, since a thread costs as much as the rest of the model's start.
 */

import { readFileSync } from "node:fs";
import { WorkerEnded, WorkerHost } from "../../../../contract/workers/worker-host.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { internal } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";
import type { CompleteCalls } from "./complete-worker.js";

/** How long a module may take to load and answer. */
const PATIENCE_MS = 30_000;

/** @throws RuntimeFault when the module can't be loaded, contradicts the configuration, or does not answer */
export async function completeByModel(config: ModelConfig, file: string): Promise<ModelConfig> {
  return mayComplete(readFileSync(file, "utf8")) ? askModel(config, file) : config;
}

/** Whether a module's text has the function, or may have it from another module of the model's; Node's own have none. */
const mayComplete = (text: string): boolean =>
  /autoCompleteConfig|\\u/.test(text) ||
  /\bfrom\s*["']|\bimport\s*["'(]|require\b/i.test(text.replace(NODE_IMPORT, ""));
const NODE_IMPORT = /^import\b[^"';]*["']node:[\w/]+["'];?$/gm;

async function askModel(config: ModelConfig, file: string): Promise<ModelConfig> {
  const host = new WorkerHost<CompleteCalls>({
    title: "the model's thread",
    module: new URL("./complete-worker.js", import.meta.url),
    runsUserCode: true,
  });
  const end = (reason?: Error): void => inBackground(host.terminate(reason), "ending the thread of a model");
  const late = new Error(`${file} did not complete its configuration within ${PATIENCE_MS} ms`);
  const timer = setTimeout(end, PATIENCE_MS, late);
  try {
    return await host.call("complete", { config, file });
  } catch (error) {
    throw internal(reasonOf(error as Error, file));
  } finally {
    clearTimeout(timer);
    end();
  }
}

function reasonOf(error: Error, file: string): string {
  if (!(error instanceof WorkerEnded)) return error.message;
  return error.cause ? (error.cause as Error).message : `${file} ended its thread while it was loaded`;
}
