/**
 * V8's threads give the processor to the event loop, in a server and in each of its workers.
 */
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { familyOf } from "../run/workers.js";
import { repository } from "../runtime/server/support.js";
import { startChildServer } from "./support/child-server.js";

/** Name and nice value of each thread; both are fields of `stat`, and only the name has parentheses. */
const threadsOf = (
  pid: number,
): readonly { readonly name: string; readonly nice: number; readonly isMain: boolean }[] =>
  readdirSync(`/proc/${pid}/task`).map(thread => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return { name, nice: Number(fields[16]), isMain: Number(thread) === pid };
  });

test.runIf(process.platform === "linux").each([1, 2])(
  "with %i workers only V8's threads have a lower priority",
  async workers => {
    const server = await startChildServer(repository(["echo_int32", "calc_fp32"]), { flags: [`--workers=${workers}`] });
    const own = getPriority();
    try {
      const family = familyOf(server.pid);
      expect(family).toHaveLength(workers === 1 ? 1 : 1 + workers);
      for (const pid of family) {
        const threads = threadsOf(pid);
        expect(threads.filter(({ isMain }) => isMain)).toMatchObject([{ nice: own }]);
        // Node's default: four threads for V8's platform.
        expect(threads.filter(({ nice }) => nice === own + 10).length).toBeGreaterThanOrEqual(4);
        expect(threads.filter(({ name, nice }) => name === "libuv-worker" && nice !== own)).toEqual([]);
      }
    } finally {
      await server.stop();
    }
  },
);
