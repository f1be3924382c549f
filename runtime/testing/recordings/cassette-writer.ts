/** Writes a cassette: the recorded exchanges, and before a model's first one its configuration. */
import { complete } from "../../../triton-protos/complete-message.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { inBackground } from "../../base/in-background.js";
import { type Client, ClientError } from "../../client/index.js";
import { exchangeRecord, modelLine } from "../../server/recordings/cassette-line.js";
import type { Exchange } from "../../server/recordings/exchange.js";
import { createRecordFile, type RecordFile } from "./record-file.js";

export interface CassetteWriter {
  readonly file: Omit<RecordFile, "write">;
  write(line: string): void;
  /** A model's configuration, which is fetched and written once; fetched again where that failed. */
  configOf(model: string): Promise<ModelConfig>;
  keep(exchange: Omit<Exchange, "line">): void;
  /** Work that may write; `settled` waits for it. */
  follow(work: Promise<void>): void;
  settled(): Promise<void>;
}

/**
 * @param client of the server whose models are recorded
 * @param warn is called where requests can't be kept
 * @throws Error when the file can't be written
 */
export async function createCassette(
  out: string,
  client: Client,
  warn: (text: string) => void,
): Promise<CassetteWriter> {
  const file = await createRecordFile(out, warn);
  const pending = new Set<Promise<void>>();
  const configs = new Map<string, Promise<ModelConfig>>();
  const unknown = new Set<string>();
  const write = (line: string): void => file.write([`${line}\n`]);
  const configOf = (model: string): Promise<ModelConfig> => {
    const known = configs.get(model);
    if (known) return known;
    const fetched = fetchConfig(client, model).then(
      config => {
        write(modelLine(model, config));
        return config;
      },
      error => {
        configs.delete(model);
        throw error;
      },
    );
    configs.set(model, fetched);
    return fetched;
  };
  const follow = (work: Promise<void>): void => {
    pending.add(work);
    inBackground(
      work.finally(() => pending.delete(work)),
      "recording",
    );
  };
  const reportUnknown = (model: string, error: unknown): void => {
    if (unknown.has(model)) return;
    unknown.add(model);
    warn(
      `the configuration of model '${model}' can't be read: ${(error as Error).message}. Its requests are kept; they can be replayed once a later one brings it`,
    );
  };
  const writeExchange = (exchange: Omit<Exchange, "line">): void => {
    const { line, blocks } = exchangeRecord({ ...exchange, line: 0 });
    file.write(blocks.length > 0 ? [`${line}\n`, ...blocks, "\n"] : [`${line}\n`], 1);
  };
  return {
    file,
    write,
    configOf,
    keep: exchange =>
      follow(
        configOf(exchange.model)
          .catch(error => reportUnknown(exchange.model, error))
          .then(() => writeExchange(exchange)),
      ),
    follow,
    settled: async () => {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}

/** Whether a server has no such call: KServe's protocol has none for configurations, and Triton's 404 names the model. */
const isMissingCall = (error: unknown): boolean =>
  error instanceof ClientError &&
  (error.code === "UNIMPLEMENTED" || (error.code === "NOT_FOUND" && !error.message.includes("unknown model")));

/** Servers without configurations have metadata; shapes are whole there. */
async function fetchConfig(client: Client, model: string): Promise<ModelConfig> {
  try {
    return await client.modelConfig(model);
  } catch (error) {
    if (!isMissingCall(error)) throw error;
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
