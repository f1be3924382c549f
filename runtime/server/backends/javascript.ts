/**
 * The JavaScript backend: `model.mjs` in the version folder, each instance in a worker thread of its own. The counterpart of Triton's Python
 * backend; `javascript/api.ts` has the contract of the module.
 */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { internal, invalid, type RuntimeFault } from "../../base/errors.js";
import type { BackendResponse, LoadedModel } from "../contract.js";
import { fileInside } from "../models/inside-folder.js";
import type { Backend, LoadContext } from "./backend.js";
import { completeByModel } from "./javascript/complete.js";
import { type JavaScriptInstance, startInstance } from "./javascript/instance.js";
import { STAND_IN } from "./javascript/stand-in.js";

/**
 * An instance, counted by the loads of its model that use it. It stays if only the number of instances changes, and ends with its last
 * load.
 */
interface SharedInstance {
  readonly instance: JavaScriptInstance;
  readonly file: string;
  users: number;
}

/** By name. */
const instancesByModel = new WeakMap<LoadedModel, SharedInstances>();

export const javascriptBackend: Backend = {
  runsCode: true,
  autoComplete: async (config, folder) => completeByModel(config, modelFile(config, folder)),
  check: config => {
    readLimit(config);
  },
  async load(context, before) {
    const { config } = context;
    const shared = instancesOf(context, modelFile(config, context.folder), before && instancesByModel.get(before));
    for (const member of shared.values()) member.users++;
    const instances = [...shared.values()].map(({ instance }) => instance);
    const close = async (): Promise<void> => {
      await Promise.all(
        [...shared.values()].map(member => (--member.users === 0 ? member.instance.close() : undefined)),
      );
    };
    try {
      await Promise.all(instances.map(instance => instance.ready()));
    } catch (error) {
      await close();
      throw error;
    }
    const one = (index: number) => instances[index % instances.length]!;
    const model: LoadedModel = {
      keepsNothing: true,
      close,
      ahead: index => one(index).ahead(),
      async execute(requests, index, clock) {
        const answers: (BackendResponse | RuntimeFault)[] = [];
        await one(index).run(
          requests,
          (request, answer) => {
            if (answer) answers[request] = answer;
          },
          clock,
        );
        clock?.computed();
        return answers;
      },
      ...(config.model_transaction_policy?.decoupled && {
        stream: (requests, send, index) => one(index).run(requests, send),
      }),
    };
    instancesByModel.set(model, shared);
    return model;
  },
};

function endLine(instance: string, reason: string): string {
  const advice = reason.includes("heap out of memory")
    ? "; NODE_OPTIONS=--max-old-space-size=MIB sets the heap limit of each thread"
    : "";
  return `instance '${instance}' failed its requests in flight: ${reason}${advice}`;
}

type SharedInstances = ReadonlyMap<string, SharedInstance>;

/** @param kept the instances of the previous load */
function instancesOf(
  { config, version, folder, server, log }: LoadContext,
  file: string,
  kept: SharedInstances | undefined,
): SharedInstances {
  const limit = readLimit(config);
  return new Map(
    instanceNames(config).map(instance => {
      const known = kept?.get(instance);
      if (known && known.users > 0 && known.file === file) return [instance, known];
      const onEnd = (reason: string): void => log?.warning("javascript", endLine(instance, reason));
      const started = startInstance({ config, version, folder, file, instance }, server, limit, onEnd);
      return [instance, { instance: started, file, users: 0 }];
    }),
  );
}

/**
 * Found synchronously, so that the thread starts before other models of the repository occupy this one.
 * @throws RuntimeFault when there is none
 */
function modelFile({ name, backend, default_model_filename: own }: ModelConfig, folder: string): string {
  // A module that replaces another backend has the usual name.
  const file = fileInside(
    folder,
    (backend === "javascript" && own) || STAND_IN,
    "default_model_filename",
    dirname(folder),
  );
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  throw internal(
    `model file '${file}' of model '${name}' does not exist; write it, or name another in \`default_model_filename\``,
  );
}

/** `GROUP_NUMBER` for each instance of each group. */
const instanceNames = ({ instance_group: groups }: ModelConfig): readonly string[] =>
  groups.flatMap(({ name, count }) => Array.from({ length: count }, (_, i) => `${name}_${i}`));

function readLimit(config: ModelConfig): number {
  const text = config.parameters.execution_timeout_ms?.string_value;
  if (text === undefined) return 0;
  const value = Number(text);
  if (value > 0) return value;
  throw invalid(
    `parameter \`execution_timeout_ms\` of model '${config.name}' is '${text}'; write a number of milliseconds above 0`,
  );
}
