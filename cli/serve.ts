/**
 * `merlon serve`: the same flags as `tritonserver`, with a help text of its own and errors that fit on a line.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, join, resolve } from "node:path";
import { isPatchedNode, NODE_FLOORS } from "../runtime/base/version-floors.js";
import { didYouMean } from "../runtime/etl/nearest-name.js";
import type { RunningServer, ServeOptions } from "../runtime/server/lifecycle/server-options.js";
import { isLoopback } from "../runtime/server/transport/http/browser-access.js";
import { runServer } from "./run-server.js";
import { thisMachine, workersByDefault } from "./serve-workers.js";
import { FLAGS, flagList } from "./tritonserver/flags.js";
import { UsageError } from "./tritonserver/getopt.js";
import { serveOptions } from "./tritonserver/serve-options.js";

const HELP = `Usage: merlon serve --model-repository DIR [options]

Serves model repositories with Triton's protocol: gRPC on 8001, HTTP on 8000, metrics on 8002, to this machine only.
Every flag of tritonserver is taken, as --flag value and as --flag=value. Booleans are true or false.

Examples:
  $ merlon serve --model-repository model-repo
  $ merlon serve --model-repository models --http-port 0 --grpc-port 0 --metrics-port 0       # free ports, named in the log
  $ merlon serve --model-repository models --address 0.0.0.0                                   # for other machines too
  $ merlon serve --model-repository models --model-control-mode poll --repository-poll-secs 5  # follows changes
  $ merlon serve --model-repository models --model-control-mode explicit --load-model ranking  # loads on request
  $ merlon serve --model-repository models --mock-missing                                      # without its models
  $ merlon serve --model-repository models --fault ranker:error,rate=0.1                        # a tenth fails on purpose
  $ merlon serve --replay staging.cassette                                                     # what merlon record kept
  $ merlon serve --model-repository models --grpc-use-ssl true --grpc-server-cert cert.pem --grpc-server-key key.pem
`;

const UI_HELP = `
The page:
  --ui [PORT]           shows models, graphs, the last requests stage by stage, and candidates on http://127.0.0.1:PORT (default 8003, 0 for a free port)
  --ui-address ADDRESS  address of the page (default 127.0.0.1); with any other, all who reach it see the tensors of requests
`;

export const serveHelp = (): string => `${HELP}${flagList()}${UI_HELP}`;

/** The address of ports unless a flag names another. */
const LOOPBACK = "127.0.0.1";

interface Page {
  readonly port: number;
  readonly address: string;
}

/** `--ui`, `--ui 9000` or `--ui=9000`, and `--ui-address`, which are Merlon's own. @returns the page's address, and the other words */
function takeUi(words: readonly string[]): { readonly page: Page | undefined; readonly rest: readonly string[] } {
  const rest: string[] = [];
  let [port, address]: [number | undefined, string | undefined] = [undefined, undefined];
  for (let i = 0; i < words.length; i++) {
    const [, name, , own] = /^--(ui|ui-address)(=(.*))?$/.exec(words[i]!) ?? [];
    if (name === undefined) rest.push(words[i]!);
    else if (name === "ui") port = readPort(own ?? (/^\d+$/.test(words[i + 1] ?? "") ? words[++i]! : "8003"));
    else address = own ?? words[++i] ?? "";
  }
  if (address !== undefined && port === undefined) throw new UsageError([], ["--ui-address is of the page: add --ui"]);
  if (address !== undefined && isIP(address) === 0 && address !== "localhost")
    throw new UsageError([], [`--ui-address takes an IP address of this machine, not '${address}'`]);
  return { page: port === undefined ? undefined : { port, address: address ?? "127.0.0.1" }, rest };
}

/** `tritonserver` takes any number for a port, as Triton does: its log then names one that is not open. */
function checkPorts(words: readonly string[]): void {
  for (const [i, word] of words.entries()) {
    const [, name, own] = /^--((?:http|grpc|metrics|sagemaker|vertex-ai)-port)(?:=(.*))?$/s.exec(word) ?? [];
    const text = own ?? words[i + 1] ?? "";
    // Text that does not begin with digits is refused later, with Triton's message.
    if (name === undefined || !/^\s*[+-]?\d/.test(text)) continue;
    if (!/^\s*\d+\s*$/.test(text) || Number(text) > 65_535)
      throw new UsageError([], [`--${name} takes a whole number from 0 to 65535, not ${text}`]);
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (text === "" || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError([], [`--ui takes a port, not ${text}`]);
  return port;
}

async function showUi(
  { port, address }: Page,
  { ports, requests }: RunningServer,
  options: ServeOptions,
): Promise<void> {
  if (ports.http === undefined || !options.http)
    throw new UsageError([], ["--ui shows what the HTTP port answers, and --allow-http is false"]);
  const { serveUi } = await import("./ui/serve-ui.js");
  const shown = await serveUi({
    port,
    address,
    server: {
      address: options.http.address ?? LOOPBACK,
      port: ports.http,
      ...(options.httpRestrictedApis && { restricted: options.httpRestrictedApis }),
    },
    repositories: options.modelRepositories,
    recent: requests,
  }).catch((error: Error) => {
    throw new UsageError(
      [],
      [`the page cannot open port ${port} of ${address}: ${error.message}; --ui 0 takes a free one`],
    );
  });
  if (!isLoopback(address))
    process.stderr.write("warning: anyone who reaches the page sees the tensors of requests, and can run the models\n");
  process.stdout.write(`The page: ${shown.url}\n`);
}

export async function serve(words: readonly string[]): Promise<void> {
  if (words.some(word => word === "--help" || word === "-h")) {
    process.stdout.write(serveHelp());
    return;
  }
  try {
    const { page, rest } = takeUi(words);
    checkPorts(rest);
    const given: ServeOptions = {
      ...serveOptions(rest, "merlon serve", text => void process.stderr.write(`${text}\n`), process.env, LOOPBACK),
      hints: true,
      opensEarly: true,
    };
    const options: ServeOptions = {
      ...given,
      workers:
        given.workers ?? workersByDefault(given, thisMachine(), text => void process.stderr.write(`note: ${text}\n`)),
      ...(page && { recentRequests: {} }),
    };
    if (options.modelRepositories.length === 0 && !options.replay)
      throw new UsageError([], ["--model-repository is missing: name the folder that holds the models"]);
    // With `--exit-on-error false` it serves without them, as Triton does.
    const problem = options.exitOnError === false ? undefined : repositoryProblem(options.modelRepositories);
    if (problem !== undefined) throw new UsageError([], [problem]);
    warnAboutNode(options);
    const running = await runServer(options, true);
    if (page) await showUi(page, running, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const lines = [...error.before, ...error.after].filter(line => line !== "");
    const unknown = /unrecognized option '--([^'=]+)/.exec(error.message)?.[1];
    const guess =
      unknown === undefined
        ? ""
        : didYouMean(
            `--${unknown.replaceAll("_", "-")}`,
            FLAGS.map(({ name }) => `--${name}`),
          );
    const stray = lines.find(line => line.startsWith(STRAY))?.slice(STRAY.length);
    const folder =
      stray !== undefined && existsSync(stray) ? `. Name a repository with its flag: --model-repository ${stray}` : "";
    process.stderr.write(
      `merlon: ${lines.join("\n")}${guess && `.${guess}`}${folder}\n(add --help for its arguments and options)\n`,
    );
    process.exit(1);
  }
}

/** Triton's refusal of an argument that is not a flag. */
const STRAY = "Unexpected argument: ";

/** A Node without the latest security fixes is fine on the own machine, and worth a warning elsewhere. */
function warnAboutNode({ http, grpc }: ServeOptions): void {
  const open = [http, grpc].flatMap(endpoint =>
    endpoint && !isLoopback(endpoint.address ?? LOOPBACK) ? [endpoint.address!] : [],
  );
  if (open.length === 0 || isPatchedNode(process.versions.node)) return;
  process.stderr.write(
    `warning: Node ${process.versions.node} has known holes that a request reaches, and this server listens on ${open.join(" and ")}. Use Node ${NODE_FLOORS.join(" or ")} and above, or leave out --address.\n`,
  );
}

/** Addresses in object stores. */
const ADDRESS = /^\w+:\/\//;

/** @returns what is wrong with the first repository that cannot be served */
function repositoryProblem(repositories: readonly string[]): string | undefined {
  for (const folder of repositories) {
    const problem = ADDRESS.test(folder) ? undefined : folderProblem(folder);
    if (problem !== undefined) return `--model-repository ${folder} ${problem}`;
  }
  return undefined;
}

function folderProblem(folder: string): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found) return "does not exist: name the folder that has a folder for each model";
  if (!found.isDirectory()) return "is not a folder: name the folder that has a folder for each model";
  try {
    const names = readdirSync(folder);
    const isModel =
      names.includes("config.pbtxt") && !names.some(name => existsSync(join(folder, name, "config.pbtxt")));
    return isModel
      ? `is the folder of one model, since it has config.pbtxt: name the folder above it, ${dirname(resolve(folder))}`
      : undefined;
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
}
