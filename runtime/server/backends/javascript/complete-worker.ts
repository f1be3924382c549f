/**
 * The thread in which a JavaScript model fills in its configuration.
 */
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { serveCalls } from "../../../../contract/workers/serve-calls.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { JavaScriptModel } from "./api.js";
import { createBuilder } from "./config-builder.js";
import { errorText } from "./error-text.js";

export interface CompleteCalls {
  /** @throws Error with the model's error as clients see it */
  complete(order: { readonly config: ModelConfig; readonly file: string }): ModelConfig;
}

const port = serveCalls<CompleteCalls>({
  async complete({ config, file }) {
    // A module whose top-level `await` never ends leaves nothing to do, which ends the thread.
    port.unref();
    try {
      const module = (await import(pathToFileURL(file).href)) as { default?: JavaScriptModel } & JavaScriptModel;
      const model = typeof module.execute === "function" ? module : module.default;
      const builder = createBuilder(config);
      await model?.autoCompleteConfig?.(builder);
      return builder.config;
    } catch (error) {
      throw new Error(errorText(error, dirname(file)));
    }
  },
});
