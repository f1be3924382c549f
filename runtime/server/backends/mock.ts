/**
 * The mock backend: responds to a model's requests from its configuration alone. `mock.json` (or the parameter `mock`) selects zeros,
 * seeded numbers, constants, an input, a table or a JavaScript function. It can respond late, or as a stream.
 */
import { pathToFileURL } from "node:url";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { systemClock } from "../../base/clock.js";
import { type Delay, drawDelay } from "../../base/delays.js";
import { invalid, RuntimeFault } from "../../base/errors.js";
import { createRandom } from "../../base/random.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import { findInside } from "../models/inside-folder.js";
import type { Backend, LoadContext } from "./backend.js";
import { callFunction, type MockFunction, readRequest, writeAnswer } from "./mock/answer.js";
import { consumedDims } from "./mock/consumers.js";
import { checkMockSettings, type FoundSettings, type MockSettings, readMockSettings } from "./mock/settings.js";
import { createTable } from "./mock/table.js";
import { singleAnswer } from "./single-answer.js";

/** Is called when what a function answered is not what it stands for has: another name, dtype or shape. */
export type OnMistake = (error: unknown) => void;

/** A mock with these settings instead of those in files; `answer` precedes all rules. */
export const createMock = (given?: MockSettings, answer?: MockFunction, onMistake?: OnMistake): Backend => ({
  anyDevice: true,
  async load(context) {
    const { config, folder, clock = systemClock } = context;
    requireOutputs(config);
    const where = `the settings of mock '${config.name}'`;
    const found = given
      ? { settings: checkMockSettings(given, where), folder, where, onDisk: true }
      : await readMockSettings(config, folder);
    const { settings } = found;
    requireKnown(found, config);
    const random = createRandom(settings.seed ?? 0, config.name, "delays");
    const wait = (delay: Delay | undefined, request: BackendRequest): Promise<void> =>
      delay === undefined ? Promise.resolve() : clock.sleep(drawDelay(delay, random), request.signal);
    const answers = await createAnswers(found, context, answer, onMistake);
    const only = (request: BackendRequest) => singleAnswer(() => answers(request));
    const one = config.model_transaction_policy?.decoupled ? undefined : only;
    return {
      async execute(requests, _, notes) {
        notes?.inputsReady();
        if (requests[0]) await wait(settings.delayMs, requests[0]);
        notes?.computed();
        return Promise.all(requests.map(request => only(request)));
      },
      ...(!one && {
        async stream(requests, send) {
          await Promise.all(
            requests.map(async (request, i) => {
              try {
                await wait(settings.delayMs, request);
                for await (const response of answers(request)) {
                  await wait(settings.stream?.everyMs, request);
                  if (request.signal?.aborted) throw new RuntimeFault("CANCELLED", "Request cancelled");
                  send(i, response);
                }
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
});

export const mockBackend: Backend = createMock();

type Answers = (request: BackendRequest) => AsyncIterable<BackendResponse> | Iterable<BackendResponse>;

async function createAnswers(
  { settings, folder, where, onDisk }: FoundSettings,
  { config, code = "all", server }: LoadContext,
  given: MockFunction | undefined,
  onMistake: OnMistake | undefined,
): Promise<Answers> {
  const act =
    given ??
    (settings.function === undefined
      ? undefined
      : await importFunction(
          functionFile(settings.function, folder, where, code === "all" || (code === "disk" && onDisk)),
          where,
        ));
  const table = settings.table && createTable(settings.table, config, where);
  const decoupled = config.model_transaction_policy?.decoupled === true;
  const consumed = (output: string) => consumedDims(config, output, server.configs());
  const count = decoupled ? (settings.stream?.answers ?? 1) : 1;
  return async function* (request) {
    const write = (values: Parameters<typeof writeAnswer>[0], answer: number): BackendResponse =>
      writeAnswer(values, request, { config, settings, answer, consumed });
    let n = 0;
    if (act) {
      for await (const values of callFunction(act, readRequest(request, config, settings))) {
        let response: BackendResponse;
        try {
          response = write(values, n++);
        } catch (error) {
          onMistake?.(error);
          throw error;
        }
        yield response;
      }
      return;
    }
    const found = table?.(request);
    if (found instanceof Error) throw found;
    if (found) {
      for (const values of found.answers) yield write(values, n++);
      return;
    }
    if (settings.otherwise === "error") throw invalid(`no row of the table of mock '${config.name}' fits the request`);
    while (n < count) yield write({}, n++);
  };
}

/** @throws RuntimeFault for a module outside the folder, and for one that a load request chose */
function functionFile(named: string, folder: string, where: string, allowed: boolean): string {
  if (!allowed)
    throw invalid(
      `${where}: function: a load request may not choose code; start the server with --allow-model-code-upload to accept it`,
    );
  const file = findInside(folder, named);
  if (file !== undefined) return file;
  throw invalid(`${where}: function: '${named}' is outside '${folder}'; name a module inside it`);
}

async function importFunction(file: string, where: string): Promise<MockFunction> {
  let found: { default?: unknown };
  try {
    found = (await import(pathToFileURL(file).href)) as typeof found;
  } catch (error) {
    throw invalid(`${where}: \`function\` names ${file}, which can't be imported: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (typeof found.default === "function") return found.default as MockFunction;
  throw invalid(
    `${where}: ${file} has no default export that is a function; write \`export default ({ inputs }) => ({ … })\``,
  );
}

function requireOutputs({ name, input, output, backend }: ModelConfig): void {
  if (input.length > 0 && output.length > 0) return;
  throw invalid(
    `a mock replaces model '${name}' (backend '${backend}'), whose configuration has no ${output.length === 0 ? "outputs" : "inputs"} and whose file is missing: write them into config.pbtxt`,
  );
}

/** Rules and shapes for outputs that the model does not have are mistakes. */
function requireKnown({ settings, where }: FoundSettings, { name, output }: ModelConfig): void {
  const known = new Set(["*", ...output.map(one => one.name)]);
  for (const key of ["outputs", "shapes"] as const)
    for (const given of Object.keys(settings[key] ?? {}))
      if (!known.has(given))
        throw invalid(
          `${where}: ${key}.${given}: model '${name}' has no such output; it has ${output.map(one => `'${one.name}'`).join(", ")}`,
        );
}
