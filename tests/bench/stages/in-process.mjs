/** The served plan without the wire, beside programs written by hand, in this process: what a request and each stage of it take. */

import { serve } from "../../../dist/runtime/server/lifecycle/server.js";
import { execute } from "../../../dist/runtime/server/requests/infer.js";
import { validateRequest } from "../../../dist/runtime/server/requests/validate.js";
import { quantiles } from "./measure.mjs";

/** Ids of `batch` users for each of fifty requests, as the wire's client sends them. */
const requestsOf = (batch, users) =>
  Array.from({ length: 50 }, (_, i) => Int32Array.from({ length: batch }, (_, j) => 1 + ((i * 37 + j * 11) % users)));

export async function openInProcess(repository) {
  let registry;
  const layer = {
    registry(made) {
      registry = made;
      return made;
    },
  };
  const server = await serve({
    ...{ modelRepositories: [repository], http: false, grpc: false, metrics: false, middleware: [layer] },
    writeLog() {},
  });
  return {
    /** @returns asks for the users of a tensor's bytes; stages have the plan's counters */
    model(name) {
      const version = registry.find(name, -1);
      const ask = data => {
        const inputs = [{ name: "user_id", datatype: "INT64", shape: [data.length / 8, 1], data }];
        const request = { id: "", parameters: new Map(), inputs, outputs: [] };
        return execute(version, request, validateRequest(version.config, request));
      };
      return { ask, stages: version.loaded.stages };
    },
    stop: () => server.stop(),
  };
}

/**
 * All in turn, request by request, so that what else the machine does meets all.
 * @param programs by name @returns by name, the plan's under "plan": p50 and p99 in milliseconds of the whole and of each stage
 */
export async function inTurn({ ask, stages }, programs, { batch, users }, seconds) {
  const requests = requestsOf(batch, users).map(ids => ({
    ids,
    bytes: new Uint8Array(BigInt64Array.from(ids, BigInt).buffer),
  }));
  for (const program of Object.values(programs)) await checkEqual(ask, program, requests[0]);
  const runs = {
    async plan({ bytes }, note) {
      const before = stages.map(tally => tally.seconds);
      const began = performance.now();
      await ask(bytes);
      note("", performance.now() - began);
      stages.forEach((tally, i) => void note(tally.stage, (tally.seconds - before[i]) * 1000));
    },
  };
  for (const [name, program] of Object.entries(programs))
    runs[name] = async ({ ids }, note) => {
      const state = { ids };
      const began = performance.now();
      let last = began;
      for (const [stage, step] of Object.entries(program.stages)) {
        const running = step(state);
        if (running) await running;
        const now = performance.now();
        note(stage, now - last);
        last = now;
      }
      note("", last - began);
    };
  const names = Object.keys(runs);
  const times = new Map(names.map(name => [name, new Map()]));
  // A server's usual state is measured, in which V8 has compiled what runs often: each runs alone first, and is not noted.
  for (const run of Object.values(runs)) {
    const end = performance.now() + seconds * 1000;
    for (let i = 0; performance.now() < end || i < 4; i++) {
      await new Promise(setImmediate);
      await run(requests[i % requests.length], () => {});
    }
  }
  const until = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < until || i < 4; i++)
    // Each follows each of the others in its turn, so that the state of the caches is not constant.
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[i % 2 ? turn : names.length - 1 - turn];
      await new Promise(setImmediate);
      const own = times.get(name);
      await runs[name](requests[i % requests.length], (stage, time) => {
        if (!own.has(stage)) own.set(stage, []);
        own.get(stage).push(time);
      });
    }
  const summed = all => new Map([...all].map(([stage, list]) => [stage, quantiles(list)]));
  return new Map([...times].map(([name, all]) => [name, summed(all)]));
}

/** @throws Error where a program scores otherwise what the plan recommends: then it is no measure of the plan */
async function checkEqual(ask, program, { ids, bytes }) {
  const { outputs } = await ask(bytes);
  const values = (name, array) => new array(Uint8Array.from(outputs.find(tensor => tensor.name === name).data).buffer);
  const [found, scores] = [values("ordered_ids", BigInt64Array), values("ordered_scores", Float32Array)];
  const state = { ids };
  for (const step of Object.values(program.stages)) await step(state);
  const { left } = state;
  const take = found.length / ids.length;
  for (let i = 0; i < found.length; i++) {
    const row = Math.floor(i / take);
    const [start, end] = [left.offsets[row], left.offsets[row + 1]];
    const at = left.ids.subarray(start, end).indexOf(Number(found[i]));
    const score = at < 0 ? Number.NaN : state.scores[start + at];
    if (!(Math.abs(score - scores[i]) < 1e-5))
      throw new Error(`user ${ids[row]}: the plan scores item ${found[i]} ${scores[i]}, the program by hand ${score}`);
  }
}
