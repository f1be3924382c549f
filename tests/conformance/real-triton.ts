/**
 * A real Triton, started for each group: a built one (a folder with `bin/tritonserver` and `backends`), or one of a Python
 * environment. That environment has `nvidia-pytriton` and numpy, and its Triton is version 2.51 with the Python back end alone. If it has no identity back end, such models
 * get a counterpart in Python. Records of a model that it can't load are not sent to it.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-ports.js";
import { type Group, PROTOCOL_DATA } from "./records.js";
import { launch, type Target } from "./target.js";

export interface TritonCommand {
  readonly command: string;
  /** Name the folder of its back ends. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const isBuilt = (folder: string): boolean => existsSync(join(folder, "bin/tritonserver"));

/** @returns the back ends of a Triton, by name */
export const backendsOf = (folder: string): readonly string[] =>
  isBuilt(folder) ? readdirSync(join(folder, "backends")) : ["python"];

/**
 * @param environment folder of the virtual environment, or of a Triton that was built @param scratch where the back end's parts are brought together
 * @throws Error where the environment has no Triton
 */
export function tritonCommand(environment: string, scratch: string): TritonCommand {
  if (isBuilt(environment))
    return {
      command: join(environment, "bin/tritonserver"),
      args: ["--backend-directory", join(environment, "backends")],
      env: { LD_LIBRARY_PATH: join(environment, "bin") },
    };
  const python = readdirSync(join(environment, "lib")).find(name => name.startsWith("python3."));
  const triton = join(environment, "lib", python ?? "", "site-packages/pytriton/tritonserver");
  if (!python || !existsSync(triton))
    throw new Error(
      `${environment} holds no Triton: python3 -m venv ${environment}; pip install nvidia-pytriton==0.7.0`,
    );
  const folder = join(scratch, "backends", "python");
  mkdirSync(folder, { recursive: true });
  // The stub of the environment's Python belongs beside the back end's library.
  const stub = join(triton, "python_backend_stubs", python.slice("python".length), "triton_python_backend_stub");
  const parts = [
    ["libtriton_python.so", join(triton, "backends/python/libtriton_python.so")],
    ["triton_python_backend_utils.py", join(triton, "backends/python/triton_python_backend_utils.py")],
    ["triton_python_backend_stub", stub],
  ] as const;
  for (const [name, from] of parts) if (!existsSync(join(folder, name))) symlinkSync(from, join(folder, name));
  return {
    command: join(triton, "bin/tritonserver"),
    args: ["--backend-directory", join(scratch, "backends")],
    env: { PATH: `${join(environment, "bin")}:${process.env.PATH}` },
  };
}

/** @returns what starts it for a group */
export const realTriton =
  (environment: string) =>
  async (group: Group): Promise<Target> => {
    const { repository: name, server_flags = [], env = {} } = group.records[0]!;
    const scratch = mkdtempSync(join(tmpdir(), "merlon-conformance-"));
    const repository = join(scratch, name);
    cpSync(new URL(name, PROTOCOL_DATA), repository, { recursive: true });
    const backends = backendsOf(environment);
    // A model that can't load there would keep the server from being ready, if it has to load everything.
    const all = !server_flags.includes("--model-control-mode=explicit");
    for (const model of all ? unableOf(name, backends) : []) rmSync(join(repository, model), { recursive: true });
    if (!backends.includes("identity"))
      for (const model of readdirSync(repository)) writeCounterpart(join(repository, model));
    const triton = tritonCommand(environment, scratch);
    const [grpc, http, metrics] = [await freePort(), await freePort(), await freePort()];
    const ports = { grpc, http, metrics };
    return launch({
      command: triton.command,
      args: [
        ...[`--model-repository=${repository}`, ...triton.args],
        ...Object.entries(ports).flatMap(([kind, port]) => [`--${kind}-port=${port}`, `--${kind}-address=127.0.0.1`]),
        ...(server_flags.some(flag => flag.startsWith("--exit-on-error")) ? [] : ["--exit-on-error=false"]),
        ...server_flags.filter(flag => isBuilt(environment) || !NEWER.some(name => flag.startsWith(name))),
      ],
      env: { ...triton.env, ...env },
      repository,
      // A Python process for each model.
      startTime: 180_000,
      isReal: true,
      remove: () => rmSync(scratch, { recursive: true, force: true }),
    });
  };

/** Flags newer than 2.51, whose behavior it has by default. */
const NEWER = ["--allow-client-shm"];

const IDENTITY = /^backend: *"identity"/m;
const COUNTERPART = `import json
import time

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"]).get("parameters", {})
        delay = parameters.get("execute_delay_ms") or parameters.get("execute_delay_ms_0") or {"string_value": "0"}
        self.delay = int(delay["string_value"]) / 1000

    def execute(self, requests):
        time.sleep(self.delay)
        return [
            pb_utils.InferenceResponse([
                pb_utils.Tensor(tensor.name().replace("INPUT", "OUTPUT"), tensor.as_numpy())
                for tensor in request.inputs()
                if tensor.name().replace("INPUT", "OUTPUT") in request.requested_output_names()
            ])
            for request in requests
        ]
`;

function writeCounterpart(model: string): void {
  const file = join(model, "config.pbtxt");
  const config = existsSync(file) ? readFileSync(file, "utf8") : "";
  if (!IDENTITY.test(config)) return;
  writeFileSync(file, config.replace(IDENTITY, 'backend: "python"'));
  for (const version of readdirSync(model).filter(entry => /^\d+$/.test(entry)))
    writeFileSync(join(model, version, "model.py"), COUNTERPART);
}

/** The records of a group that it can answer as they were answered: those about its own models, and about none. */
export function answerable(group: Group, environment: string): Group {
  const unable = unableOf(group.records[0]!.repository, backendsOf(environment));
  const records = (group.records as readonly Group["records"][number][]).filter(record => {
    const text = JSON.stringify(record);
    return !unable.some(
      model => text.includes(`"${model}"`) || text.includes(`/${model}/`) || text.includes(`\\"${model}\\"`),
    );
  });
  return { ...group, records } as Group;
}

/** Models with another back end than these and identity's, and ensembles that have them as a step. */
function unableOf(repository: string, backends: readonly string[]): readonly string[] {
  const able = new RegExp(
    `^(?:backend: *"(?:${[...backends, "identity"].join("|")})"|platform: *"(?:ensemble|onnxruntime_onnx)")`,
    "m",
  );
  const folder = new URL(`${repository}/`, PROTOCOL_DATA);
  const texts = new Map(
    readdirSync(folder).map(model => {
      const file = new URL(`${model}/config.pbtxt`, folder);
      return [model, existsSync(file) ? readFileSync(file, "utf8") : ""] as const;
    }),
  );
  const unable = new Set([...texts].flatMap(([model, text]) => (able.test(text) ? [] : [model])));
  for (let before = -1; before !== unable.size; ) {
    before = unable.size;
    for (const [model, text] of texts)
      if ([...unable].some(one => text.includes(`model_name: "${one}"`))) unable.add(model);
  }
  return [...unable];
}
