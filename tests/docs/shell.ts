/**
 * A reader's terminals in a scratch project. Commands run one after the other, and a server stays beside them until the next one starts on
 * its ports.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { builtFile } from "../needs/built.js";

export interface Ended {
  /** Exit code, or the name of a signal. */
  readonly status: number | string;
  readonly err: string;
}

export interface Shell extends AsyncDisposable {
  /**
   * Runs a command. When this resolves, a server is ready. A recorder has ended after it recorded `meanwhile`, and watchers have been
   * interrupted.
   */
  run(command: string, meanwhile?: string): Promise<Ended>;
  /** Starts a server, unless the one that runs was started by the same command. */
  serve(command: string): Promise<void>;
  /** Writes a script and runs it. */
  runScript(program: string, name: string, text: string): Promise<Ended>;
}

const SERVER = /^(?:merlon serve|tritonserver)\b(?!.* --help)/;
const RECORDER = /^merlon record\b/;
const WATCHES = / --watch\b/;
/** The last lines that say that everything is open. */
const READY = /Started Metrics Service at/;
const RECORDS = /Ctrl-C ends it\./;

/** @param ports usual port → the one in its place */
export async function openShell(folder: string, ports: ReadonlyMap<string, string>): Promise<Shell> {
  const env = environment(folder, ports);
  const start = (command: string): Running => begin("bash", ["-euo", "pipefail", "-c", `exec ${command}`], folder, env);
  let server: Running | undefined;
  let serving: string | undefined;
  const stopServer = async (): Promise<void> => {
    const ended = await server?.end("SIGTERM");
    server = undefined;
    serving = undefined;
    if (ended && ended.status !== 0) throw new Error(`the server ended with ${ended.status}: ${ended.err}`);
  };
  const startServer = async (command: string): Promise<Ended> => {
    await stopServer();
    server = start(command);
    serving = command;
    return server.says(READY);
  };
  return {
    async serve(command) {
      if (serving !== command) await startServer(command);
    },
    async run(command, meanwhile) {
      if (SERVER.test(command)) return startServer(command);
      if (RECORDER.test(command)) {
        const recorder = start(command);
        await recorder.says(RECORDS);
        const client = await start(meanwhile ?? "false").ended;
        const ended = await recorder.end("SIGINT");
        return client.status === 0 ? ended : client;
      }
      if (WATCHES.test(command)) {
        const watching = start(command);
        await watching.says(/\S/);
        return watching.end("SIGINT");
      }
      return begin("bash", ["-euo", "pipefail", "-c", command], folder, env).ended;
    },
    runScript(program, name, text) {
      writeFileSync(join(folder, name), text);
      return begin(program, [name], folder, env).ended;
    },
    [Symbol.asyncDispose]: stopServer,
  };
}

/** The programs on the path, with free ports where the documentation has the usual ones. */
function environment(folder: string, ports: ReadonlyMap<string, string>): NodeJS.ProcessEnv {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const flags = `--http-port ${ports.get("8000")} --grpc-port ${ports.get("8001")} --metrics-port ${ports.get("8002")}`;
  const write = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const node = (program: string): string => `exec '${process.execPath}' '${builtFile(program)}' "$@"`;
  write(
    "merlon",
    `case "$1" in
  serve) set -- "$@" ${flags} ;;
  client) [[ "$*" == *--url* ]] || set -- "$@" --url grpc://localhost:${ports.get("8001")} ;;
esac
${node("bin/merlon.cjs")}`,
  );
  write(
    "tritonserver",
    `set -- "$@" --address=127.0.0.1 ${flags.replaceAll(/ (?=\d)/g, "=")}\n${node("bin/tritonserver.cjs")}`,
  );
  return { ...process.env, PATH: `${bin}:${process.env.PATH}`, ADMIN_KEY: "of-the-admin", CLIENT_KEY: "of-a-client" };
}

interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves when it has printed this. @throws Error if it ends before */
  says(words: RegExp): Promise<Ended>;
  end(signal: NodeJS.Signals): Promise<Ended>;
}

function begin(program: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Running {
  const child: ChildProcess = spawn(program, words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let err = "";
  let heard = (): void => {};
  child.stdout!.on("data", (bytes: Buffer) => {
    said += bytes;
    heard();
  });
  child.stderr!.on("data", (bytes: Buffer) => {
    said += bytes;
    err += bytes;
    heard();
  });
  const ended = new Promise<Ended>(resolve =>
    child.once("close", (code, signal) => resolve({ status: code ?? signal!, err })),
  );
  return {
    ended,
    says: words =>
      new Promise((resolve, reject) => {
        heard = () => words.test(said) && resolve({ status: 0, err: "" });
        heard();
        void ended.then(({ status }) => reject(new Error(`${words} was never printed; ended with ${status}: ${said}`)));
      }),
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
