/**
 * Writes a cassette line by line: what goes by, and before a model's first exchange its configuration.
 */
import { open } from "node:fs/promises";
import { complete } from "../../../triton-protos/complete-message.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { inBackground } from "../../base/in-background.js";
import type { Client } from "../../client/index.js";
import { type Exchange, exchangeLine, modelLine } from "../../server/recordings/cassette.js";

export interface CassetteWriter {
  /** Requests kept so far. */
  readonly count: number;
  write(line: string): void;
  /** A model's configuration, which is fetched and written once. */
  configOf(model: string): Promise<ModelConfig>;
  keep(exchange: Omit<Exchange, "line">): void;
  /** Work that may write; `settled` waits for it. */
  follow(work: Promise<void>): void;
  settled(): Promise<void>;
  /** Resolves when the file is whole. */
  end(): Promise<void>;
}

/**
 * @param client of the server whose models are recorded
 * @param warn hears why the file is not written any more
 * @throws Error when the file can't be written
 */
export async function openCassette(out: string, client: Client, warn: (text: string) => void): Promise<CassetteWriter> {
  const handle = await open(out, "w").catch(error => {
    throw new Error(`${out} can't be written: ${(error as Error).message}`, { cause: error });
  });
  const file = handle.createWriteStream();
  const pending = new Set<Promise<void>>();
  const configs = new Map<string, Promise<ModelConfig>>();
  let isWritable = true;
  let count = 0;
  file.on("error", error => {
    if (isWritable) warn(`${out} is not written any more: ${error.message}`);
    isWritable = false;
  });
  const write = (line: string): void => {
    if (isWritable) file.write(`${line}\n`);
  };
  const configOf = (model: string): Promise<ModelConfig> => {
    const known =
      configs.get(model) ??
      fetchConfig(client, model).then(config => {
        write(modelLine(model, config));
        return config;
      });
    configs.set(model, known);
    return known;
  };
  const follow = (work: Promise<void>): void => {
    pending.add(work);
    inBackground(
      work.finally(() => pending.delete(work)),
      "recording",
    );
  };
  return {
    get count() {
      return count;
    },
    write,
    configOf,
    keep: exchange => {
      count++;
      follow(
        configOf(exchange.model)
          .catch(() => undefined)
          .then(() => write(exchangeLine({ ...exchange, line: 0 }))),
      );
    },
    follow,
    settled: async () => {
      while (pending.size > 0) await Promise.all(pending);
    },
    end: async () => {
      if (!isWritable) return;
      isWritable = false;
      await new Promise<void>(resolve => file.end(resolve));
    },
  };
}

/** Servers without configurations have metadata; shapes are whole there. */
async function fetchConfig(client: Client, model: string): Promise<ModelConfig> {
  try {
    return await client.modelConfig(model);
  } catch {
    const { inputs, outputs } = await client.modelMetadata(model);
    const tensor = ({ name, datatype, shape }: { name: string; datatype: string; shape: readonly number[] }) => ({
      name,
      data_type: datatype === "BYTES" ? "TYPE_STRING" : `TYPE_${datatype}`,
      dims: shape.length > 0 ? shape.map(Number) : [1],
    });
    return complete("inference.ModelConfig", {
      name: model,
      backend: "mock",
      input: inputs.map(tensor),
      output: outputs.map(tensor),
    });
  }
}
