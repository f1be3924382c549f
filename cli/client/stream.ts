/** `merlon client stream MODEL`: one request, and its responses as they arrive. */
import { Command } from "commander";
import { type ConnectionOptions, connected, printJson, withClient } from "./connection.js";
import { jsonAnswer, printOutputs } from "./infer.js";
import { inferOptions, type RequestOptions, readInputs, requested } from "./request.js";

export const streamCommand = (): Command =>
  connected(
    requested(new Command("stream").description("run a decoupled model and print each response when it arrives")),
    null,
  ).action(async (model: string, words: string[], options: ConnectionOptions & RequestOptions) => {
    await withClient(options, async client => {
      const inputs = await readInputs(client, model, words, options);
      const abort = new AbortController();
      // Ctrl-C ends the call, so that the server stops too.
      const stop = (): void => abort.abort();
      process.once("SIGINT", stop);
      const began = performance.now();
      let count = 0;
      try {
        for await (const answer of client.stream(model, inputs as never, {
          ...inferOptions(options),
          signal: abort.signal,
        })) {
          if (Object.keys(answer.outputs).length === 0) continue;
          count++;
          if (options.json) process.stdout.write(printJson({ ...jsonAnswer(answer), final: answer.isFinal }));
          else
            process.stdout.write(
              `#${count}  ${(performance.now() - began).toFixed(1)} ms${printOutputs(answer.outputs)}\n`,
            );
        }
      } catch (error) {
        if (!abort.signal.aborted) throw error;
      } finally {
        process.off("SIGINT", stop);
      }
      if (!options.json) process.stdout.write(`${count} answers in ${(performance.now() - began).toFixed(1)} ms\n`);
    });
  });
