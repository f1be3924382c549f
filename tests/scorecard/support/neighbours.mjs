/**
 * Good clients beside an attacker: attack → their latencies alone and during it, and the server's memory before, at the worst and afterwards.
 */
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ATTACKS } from "../../walls/attacks/index.mjs";
import { startHelper } from "./lines-of.mjs";
import { quantile } from "./quantile.mjs";
import { startMeasured } from "./server-process.mjs";

const file = name => fileURLToPath(new URL(name, import.meta.url));
const ATTACKER = file("../../walls/attacks/run.mjs");
const CLIENTS = file("./good-clients.mjs");
const ORDINARY = file("./ordinary-load.mjs");
const WARM_UP_MS = 2000;
/** How long the clients are measured alone on the quick tier. */
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

/** Waits until memory is back, at most thirty seconds; `isWhole` waits all of them. */
async function untilReturned(server, beforeMb, isWhole) {
  const until = Date.now() + BARS.returnsMs;
  while (Date.now() < until && !server.ended()) {
    await pause(250);
    if (!isWhole && server.residentMb() - beforeMb <= BARS.returnsMb) return;
  }
}

/** True if the server answers a health check in time. */
const answers = ({ http }) =>
  fetch(`http://127.0.0.1:${http}/v2/health/live`, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );

/**
 * The clients' p99 beside ordinary clients, on the full tier. It judges nothing: on busy cores a thread waits for ticks of the scheduler,
 * whatever the neighbor is, and this figure shows how long.
 */
async function measureOrdinary({ server, measure }, seconds) {
  const load = startHelper(ORDINARY, [server.http]);
  await load.line();
  const { windows } = await measure(async () => {
    load.write("begin");
    await pause(seconds * 1000);
  });
  await load.stop();
  return middle(windows);
}

const middle = values =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/**
 * One attack on an open place. `isWhole` measures the clients alone for as long as the attack, half of it before and half after. Other work on
 * the machine then spoils both alike, and p99 are medians over windows of a second.
 */
async function measureAttack({ server, measure }, attack, seconds, isWhole) {
  const alone = await measure(() => pause(isWhole ? seconds * 500 : ALONE_MS));
  const attacker = startHelper(ATTACKER, [attack.id, server.http, server.grpc, seconds]);
  await attacker.line();
  const beforeMb = server.residentMb();
  server.resetPeak();
  const during = await measure(async () => {
    attacker.write("begin");
    await Promise.race([pause(seconds * 1000), server.exited]);
  });
  await attacker.stop();
  await untilReturned(server, beforeMb, isWhole);
  const ended = server.ended();
  const [grownMb, afterMb] = [server.peakMb() - beforeMb, server.residentMb() - beforeMb];
  const after = isWhole && !ended ? await measure(() => pause(seconds * 500)) : undefined;
  const [aloneMs, duringMs] = isWhole
    ? [middle([...alone.windows, ...(after?.windows ?? [])]), middle(during.windows)]
    : [alone.p99, during.p99];
  return {
    ...{ id: attack.id, title: attack.title, tags: attack.tags ?? [], alone: aloneMs, during: duringMs },
    ...{ ratio: duringMs / aloneMs, max: during.max, wrong: during.wrong, failed: during.failed },
    ...{ beforeMb, grownMb, afterMb, ended },
  };
}

/**
 * @param options `ids` of attacks (all), `seconds` of each, `isWhole` for the full tier, which reads memory after thirty seconds, `onResult` called with each
 * @returns for each attack `{ id, title, tags, alone, ordinary, during, ratio, max, wrong, failed, beforeMb, grownMb, afterMb, ended }`; milliseconds at p99
 */
export async function measureNeighbours({ ids, seconds, isWhole = false, onResult = () => {} }) {
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
      if (isWhole) place.ordinary ??= await measureOrdinary(place, seconds);
      const { ordinary } = place;
      const result = { ...(await measureAttack(place, attack, seconds, isWhole)), ordinary };
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
