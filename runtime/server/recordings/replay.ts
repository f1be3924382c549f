/**
 * Answers from a cassette: a layer around the models that were recorded, and, where there is no repository, one of their configurations.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isModelName } from "../../../contract/files/model-name.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { type ModelConfig, printModelConfig } from "../../../triton-protos/model-config.js";
import { systemClock } from "../../base/clock.js";
import { ConnectionCut } from "../../base/connection-cut.js";
import { internal, invalid, RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { Backend, LoadContext } from "../backends/backend.js";
import { singleAnswer } from "../backends/single-answer.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { ModelMiddleware } from "../models/model-middleware.js";
import { type Cassette, type Entry, openCassette } from "./cassette.js";
import { type RecordedAnswer, statusOf } from "./exchange.js";
import { createMatcher, type Matched, ownParameters } from "./match.js";

export interface ReplayOptions {
  readonly cassette: string;
  /** An equal request is answered; or the nearest, if none is equal. @default "strict" */
  readonly match?: "strict" | "nearest" | undefined;
  /** Answers take as long as they took. @default false */
  readonly timing?: boolean | undefined;
}

export interface Replay {
  readonly middleware: ModelMiddleware;
  readonly cassette: Cassette;
  /** A repository of the recorded configurations and versions; removed with `remove`. */
  writeRepository(): Promise<string>;
  /** Closes the cassette too. */
  remove(): Promise<void>;
}

/** @throws RuntimeFault for a file that is not a cassette */
export async function openReplay({ cassette: file, match = "strict", timing = false }: ReplayOptions): Promise<Replay> {
  const cassette = await openCassette(file);
  let folder: TemporaryFolder | undefined;
  return {
    cassette,
    middleware: {
      async backend({ config }, choose) {
        const recorded = cassette.models.get(config.name);
        return recorded ? replayBackend(cassette, recorded, match, timing) : choose();
      },
    },
    async writeRepository() {
      folder = new TemporaryFolder("replay");
      for (const [name, config] of cassette.models) {
        if (!isModelName(name)) throw invalid(`${file} has a model '${name}', which cannot be the name of a folder`);
        const at = join(folder.path, name);
        for (const version of recordedVersions(cassette, name)) await mkdir(join(at, version), { recursive: true });
        const { input, output, max_batch_size, model_transaction_policy } = config;
        const tensors = { name, backend: "mock", input, output, max_batch_size, version_policy: { all: {} } };
        await writeFile(
          join(at, "config.pbtxt"),
          printModelConfig({ ...tensors, ...(model_transaction_policy && { model_transaction_policy }) }),
        );
      }
      return folder.path;
    },
    async remove() {
      await cassette.close();
      await folder?.dispose();
    },
  };
}

/** Versions of which something was recorded; the first where that is not known. */
function recordedVersions({ entries }: Cassette, model: string): ReadonlySet<string> {
  const found = new Set(entries.flatMap(one => (one.model === model && isVersion(one.version) ? [one.version] : [])));
  return found.size > 0 ? found : new Set(["1"]);
}

const isVersion = (text: string): boolean => /^[1-9]\d{0,18}$/.test(text);

/** Exchanges that a version answers from: its own and those whose version is not known; where it was never recorded, those of every version. */
function entriesOf(cassette: Cassette, model: string, version: ModelVersion): readonly Entry[] {
  const all = cassette.entries.filter(one => one.model === model && one.isReplayable);
  return recordedVersions(cassette, model).has(String(version))
    ? all.filter(one => one.version === String(version) || one.version === "")
    : all;
}

function replayBackend(
  cassette: Cassette,
  recorded: ModelConfig,
  match: "strict" | "nearest",
  timing: boolean,
): Backend {
  return {
    anyDevice: true,
    async load({ config, version, clock = systemClock }: LoadContext) {
      requireSame(cassette, recorded, config);
      const find = await createMatcher(cassette, entriesOf(cassette, recorded.name, version), match);
      const answers = async function* (request: BackendRequest): AsyncIterable<BackendResponse | RuntimeFault> {
        const matched = await find({
          inputs: request.inputs,
          parameters: ownParameters(request.parameters),
          outputs: request.requestedOutputs,
        });
        const { exchange } = matched;
        if (!exchange) throw unlike(cassette, recorded.name, matched);
        let at = 0;
        for (const answer of exchange.answers) {
          if (timing) await clock.sleep(answer.ms - at, request.signal);
          at = answer.ms;
          yield answer.error === undefined ? respond(answer) : internal(answer.error);
        }
        const { error } = exchange;
        if (error) throw error.cut ? new ConnectionCut() : new RuntimeFault(statusOf(error)!, error.message);
      };
      return {
        config: servedConfig(recorded, config),
        execute: requests => Promise.all(requests.map(request => singleAnswer(() => answers(request)))),
        ...(config.model_transaction_policy?.decoupled && {
          async stream(requests, send) {
            await Promise.all(
              requests.map(async (request, i) => {
                try {
                  for await (const answer of answers(request)) send(i, answer);
                } catch (error) {
                  send(i, RuntimeFault.from(error));
                }
                send(i, undefined);
              }),
            );
          },
        }),
      };
    },
  };
}

/** Clients see the recorded configuration; schedulers that need files of the model, or its members, are left out of it. */
const servedConfig = (
  { sequence_batching: _, model_warmup: __, ...recorded }: ModelConfig,
  { instance_group }: ModelConfig,
): ModelConfig => ({
  ...recorded,
  model_warmup: [],
  instance_group: recorded.instance_group.length > 0 ? recorded.instance_group : instance_group,
});

const respond = ({ outputs, parameters }: RecordedAnswer): BackendResponse => ({
  outputs: outputs as BackendResponse["outputs"],
  parameters,
});

function unlike({ file }: Cassette, model: string, { nearest }: Matched): RuntimeFault {
  const hint = nearest
    ? `; the nearest is ${file}:${nearest.exchange.line}: ${nearest.difference}`
    : `: ${file} has none that was answered`;
  return invalid(`no recorded request to model '${model}' is equal to this one${hint}`);
}

/** Answers of a model with other tensors would be wrong ones. @throws RuntimeFault naming the first difference */
function requireSame({ file }: Cassette, recorded: ModelConfig, config: ModelConfig): void {
  for (const side of ["input", "output"] as const) {
    const here = new Map(config[side].map(tensor => [tensor.name, print(tensor)]));
    for (const tensor of recorded[side])
      if (here.get(tensor.name) !== print(tensor))
        throw invalid(
          `${file} was recorded from another '${recorded.name}': its ${side} '${tensor.name}' is ${print(tensor)}, and the repository's ${here.has(tensor.name) ? `is ${here.get(tensor.name)}` : "has none of that name"}. Record it again`,
        );
    const added = config[side].find(({ name }) => !recorded[side].some(tensor => tensor.name === name));
    if (added)
      throw invalid(
        `${file} was recorded from another '${recorded.name}': the repository's ${side} '${added.name}' is not in it. Record it again`,
      );
  }
  if (recorded.max_batch_size > 0 !== config.max_batch_size > 0)
    throw invalid(
      `${file} was recorded from another '${recorded.name}': one has a batch dimension (max_batch_size), and the other has none. Record it again`,
    );
}

const print = ({ data_type, dims }: Pick<ModelConfig["output"][number], "data_type" | "dims">): string =>
  `${String(data_type)} [${dims}]`;
