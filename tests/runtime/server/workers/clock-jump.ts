/** Sets the clock of a server's processes, as an administrator or a time server does: `Date` jumps, and timers do not. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { until } from "../../../run/wait.js";

/** A process applies the file with its number, or else the one of all, and leaves a mark. */
const MODULE = (folder: string): string => `import { existsSync, readFileSync, writeFileSync } from "node:fs";
const own = ${JSON.stringify(join(folder, "set-"))} + process.pid;
const all = ${JSON.stringify(join(folder, "set-all"))};
const machine = Date;
let shift = 0;
const look = () => {
  const file = existsSync(own) ? own : all;
  const found = existsSync(file) ? Number(readFileSync(file, "utf8") || shift) : 0;
  if (found === shift) return;
  shift = found;
  writeFileSync(${JSON.stringify(join(folder, "has-"))} + process.pid + "-" + shift, "");
};
const now = () => machine.now() + shift;
globalThis.Date = new Proxy(machine, {
  construct: (target, words, made) => Reflect.construct(target, words.length > 0 ? words : [now()], made),
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
});
look();
setInterval(look, 10).unref();
`;

export interface ClockJump {
  /** Variables of the server. */
  readonly env: NodeJS.ProcessEnv;
  /**
   * Resolves when the clocks of these processes have another time.
   * @param ms beside the machine's clock, another number at each call
   * @param later whether processes that start later have it, too
   */
  set(pids: readonly number[], ms: number, later?: boolean): Promise<void>;
  remove(): void;
}

export function clockJump(): ClockJump {
  const folder = mkdtempSync(join(tmpdir(), "merlon-clock-"));
  const file = join(folder, "clock.mjs");
  writeFileSync(file, MODULE(folder));
  return {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(file)}` },
    async set(pids, ms, later = false) {
      if (later) writeFileSync(join(folder, "set-all"), String(ms));
      for (const pid of pids) writeFileSync(join(folder, `set-${pid}`), String(ms));
      await until("the clocks are set", () => pids.every(pid => existsSync(join(folder, `has-${pid}-${ms}`))));
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
