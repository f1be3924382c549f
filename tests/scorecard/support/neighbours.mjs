/**
 * Good clients beside an attacker: attack → their latencies alone and during it, and the server's memory before, at the worst and afterwards.
 */
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ATTACKS } from "../../walls/attacks/index.mjs";
import { startHelper } from "./lines-of.mjs";
import { startMeasured } from "./server-process.mjs";

const file = name => fileURLToPath(new URL(name, import.meta.url));
const ATTACKER = file("../../walls/attacks/run.mjs");
const CLIENTS = file("./good-clients.mjs");
const WARM_UP_MS = 2000;
const ALONE_MS = 1500;
/** A server that does not answer within this after an attack is still at work on it. */
const ANSWER_MS = 1000;
export const BARS = { latency: 3, returnsMb: 64, returnsMs: 30_000 };

/** One server with its good clients. */
async function open(flags) {
  const server = await startMeasured({ flags });
  const clients = startHelper(CLIENTS, [server.http, server.grpc]);
  await clients.line();
  await pause(WARM_UP_MS);
  return {
    server,
    flags: flags.join(),
    async measure(work) {
      clients.write("begin");
      await work();
      clients.write("end");
      return JSON.parse(await clients.line());
    },
    async close() {
      await clients.stop();
      await server.stop();
    },
  };
}

/** Waits until memory is back, at most thirty seconds; `whole` waits all of them. */
async function untilReturned(server, beforeMb, whole) {
  const until = Date.now() + BARS.returnsMs;
  while (Date.now() < until && !server.ended()) {
    await pause(250);
    if (!whole && server.residentMb() - beforeMb <= BARS.returnsMb) return;
  }
}

/** True if the server answers a health check in time. */
const answers = ({ http }) =>
  fetch(`http://127.0.0.1:${http}/v2/health/live`, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );

/** One attack on an open place. */
async function measureAttack({ server, measure }, attack, seconds, wholeWait) {
  const alone = await measure(() => pause(ALONE_MS));
  const attacker = startHelper(ATTACKER, [attack.id, server.http, server.grpc, seconds]);
  await attacker.line();
  const beforeMb = server.residentMb();
  server.resetPeak();
  const during = await measure(async () => {
    attacker.write("begin");
    await Promise.race([pause(seconds * 1000), server.exited]);
  });
  await attacker.stop();
  await untilReturned(server, beforeMb, wholeWait);
  const ended = server.ended();
  return {
    ...{ id: attack.id, title: attack.title, tags: attack.tags ?? [], alone: alone.p99, during: during.p99 },
    ...{ ratio: during.p99 / alone.p99, max: during.max, wrong: during.wrong, failed: during.failed },
    ...{ beforeMb, grownMb: server.peakMb() - beforeMb, afterMb: server.residentMb() - beforeMb, ended },
  };
}

/**
 * @param options `ids` of attacks (all), `seconds` of each, `wholeWait` to read memory after thirty seconds and not earlier, `onResult` called with each
 * @returns for each attack `{ id, title, tags, alone, during, ratio, max, wrong, failed, beforeMb, grownMb, afterMb, ended }`; milliseconds at p99
 */
export async function measureNeighbours({ ids, seconds, wholeWait = false, onResult = () => {} }) {
  const results = [];
  let place;
  try {
    for (const attack of ATTACKS.filter(({ id }) => !ids || ids.includes(id))) {
      const { flags = [] } = attack;
      if (place && place.flags !== flags.join()) {
        await place.close();
        place = undefined;
      }
      place ??= await open(flags);
      const result = await measureAttack(place, attack, seconds, wholeWait);
      results.push(result);
      onResult(result);
      // A server that is still at work on an attack would spoil the next measurement.
      const isFresh = !result.ended && result.afterMb <= BARS.returnsMb && (await answers(place.server));
      if (isFresh) continue;
      await place.close();
      place = undefined;
    }
  } finally {
    await place?.close();
  }
  return results;
}
