/** `merlon client describe MODEL`: what a model takes and answers. */
import { Command } from "commander";
import { printTable } from "../print-table.js";
import { type ConnectionOptions, connected, printJson, withClient } from "./connection.js";
import { halfOf } from "./pairs.js";

/** The example of each input; a ragged column is one. */
const asked = (inputs: readonly { readonly name: string }[]): readonly string[] => [
  ...new Set(
    inputs.map(({ name }) => {
      const column = halfOf(name, inputs);
      return column === undefined ? `${name}=…` : `${column}=[[…],…]`;
    }),
  ),
];

export const describeCommand = (): Command =>
  connected(
    new Command("describe").description("show the tensors of a model, and how it is served").argument("<model>"),
  )
    .option("--version <v>", "which version; the newest by default")
    .action(async (model: string, options: ConnectionOptions & { readonly version?: string }) => {
      await withClient(options, async client => {
        const metadata = await client.modelMetadata(model, options.version);
        // Only Triton and Merlon have configurations.
        const config = await client.modelConfig(model, options.version).catch(() => undefined);
        if (options.json) {
          process.stdout.write(printJson({ ...metadata, ...(config && { config }) }));
          return;
        }
        const optional = new Set(config?.input.filter(input => input.optional).map(({ name }) => name));
        const rows = (["inputs", "outputs"] as const).flatMap(side =>
          metadata[side].map(({ name, datatype, shape }) => [
            side.slice(0, -1),
            name,
            datatype,
            `[${shape.join(", ")}]`,
            optional.has(name) ? "optional" : "",
          ]),
        );
        const how = [
          metadata.platform || config?.backend || "",
          metadata.versions.length > 0 ? `version ${metadata.versions.join(", ")}` : "",
          config && config.max_batch_size > 0 ? `batches of up to ${config.max_batch_size}` : "",
          config?.model_transaction_policy?.decoupled ? "decoupled: use `merlon client stream`" : "",
          config?.sequence_batching ? "sequences: give --sequence" : "",
        ].filter(Boolean);
        process.stdout.write(
          `${metadata.name}: ${how.join("; ")}\n\n${printTable([["", "name", "datatype", "shape", ""], ...rows])}`,
        );
        process.stdout.write(
          `\nRun it: merlon client infer ${model} ${asked(metadata.inputs.filter(({ name }) => !optional.has(name))).join(" ")}\n`,
        );
      });
    });
