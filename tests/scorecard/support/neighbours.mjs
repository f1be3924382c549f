/**
 * Good clients beside an attacker: attack → their latencies alone and during it, and the server's memory before, at the worst and afterwards.
 */
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ATTACKS } from "../../walls/attacks/index.mjs";
import { placeGoodClients, placeLoad, placeServer } from "./cores.mjs";
import { startHelper } from "./lines-of.mjs";
import { watchStolen } from "./proc.mjs";
import { quantile } from "./quantile.mjs";
import { areEnough, chooseRounds } from "./rounds.mjs";
import { startMeasured } from "./server-process.mjs";

const file = name => fileURLToPath(new URL(name, import.meta.url));
const ATTACKER = file("../../walls/attacks/run.mjs");
const CLIENTS = file("./good-clients.mjs");
const ORDINARY = file("./ordinary-load.mjs");
const WARM_UP_MS = 2000;
/** How long the clients are measured alone on the quick tier. */
const ALONE_MS = 1500;
/** On the full tier. */
const ROUND_MS = { alone: 3000, ordinary: 2000, during: 4000 };
const REST_MS = 500;
/** A server that does not answer within this after an attack is still at work on it. */
const ANSWER_MS = 1000;
export const BARS = { latency: 3, returnsMb: 64, returnsMs: 30_000 };

/** One server with its good clients. */
async function open(flags) {
  const server = await startMeasured({ flags });
  const clients = startHelper(CLIENTS, [server.http, server.grpc]);
  await clients.line();
  const isPlaced = placeServer(server.pid) && placeGoodClients(clients.child.pid);
  await server.ask("watchLoop");
  await pause(WARM_UP_MS);
  return {
    server,
    isPlaced,
    flags: flags.join(),
    async measure(work) {
      clients.write("begin");
      await loopOf(server);
      await work();
      const loop = await loopOf(server);
      clients.write("end");
      return { ...JSON.parse(await clients.line()), loop };
    },
    async close() {
      await clients.stop();
      await server.stop();
    },
  };
}

/** Milliseconds at p99 that the event loop was late since this was last read. */
const loopOf = server =>
  server.ask("loop").then(
    ({ p99 }) => p99,
    () => Number.NaN,
  );

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

const middle = values =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** A process of other clients that has prepared its bytes. */
async function ready(program, ...args) {
  const helper = startHelper(program, args);
  await helper.line();
  placeLoad(helper.child.pid);
  return helper;
}

/** The good clients beside such a process, which begins when their measurement does. */
async function beside({ server, measure }, helper, milliseconds) {
  const result = await measure(async () => {
    helper.write("begin");
    await Promise.race([pause(milliseconds), server.exited]);
  });
  await helper.stop();
  return result;
}

const attackOf = ({ id }, { http, grpc }, milliseconds) => ready(ATTACKER, id, http, grpc, milliseconds / 1000);

/** On the quick tier: the clients alone, and then beside the attack. */
async function measureOnce(place, attack, seconds) {
  const alone = await place.measure(() => pause(ALONE_MS));
  const { p99, max, wrong, failed } = await beside(
    place,
    await attackOf(attack, place.server, seconds * 1000),
    seconds * 1000,
  );
  return { alone: alone.p99, during: p99, ratio: p99 / alone.p99, max, wrong, failed };
}

/**
 * On the full tier: rounds of the clients alone, beside ordinary clients and beside the attack. Each ratio is of one round, since other work
 * on the machine spoils a round alike, and their median counts. Rounds on both sides of the bar are followed by more. A p99 is the median
 * over windows of a second. Two figures judge nothing. That beside ordinary clients shows how long requests wait behind those of others that
 * the server answers. The delay of the event loop is the server's own part.
 */
async function measureInRounds(place, attack) {
  const all = [];
  while (!areEnough(all, BARS.latency) && !place.server.ended()) {
    const stolen = watchStolen();
    const attacker = await attackOf(attack, place.server, ROUND_MS.during);
    const alone = middle((await place.measure(() => pause(ROUND_MS.alone))).windows);
    const ordinary = await beside(place, await ready(ORDINARY, place.server.http), ROUND_MS.ordinary);
    const { windows, max, wrong, failed, loop } = await beside(place, attacker, ROUND_MS.during);
    const during = middle(windows);
    const latencies = { alone, ordinary: middle(ordinary.windows), during, ratio: during / alone, max, loop };
    all.push({ ...latencies, wrong, failed, stolen: stolen() });
    await pause(REST_MS);
  }
  const { counted, voided } = chooseRounds(all);
  const each = name => counted.map(round => round[name]);
  const sum = name => all.reduce((total, round) => total + round[name], 0);
  const [alone, ordinary, during, ratio, loop] = ["alone", "ordinary", "during", "ratio", "loop"].map(name =>
    middle(each(name)),
  );
  return {
    ...{ alone, ordinary, during, ratio, loop, spread: [Math.min(...each("ratio")), Math.max(...each("ratio"))] },
    ...{ max: Math.max(...each("max")), wrong: sum("wrong"), failed: sum("failed") },
    ...{ rounds: counted.length, voided, stolen: Math.max(...each("stolen")) },
  };
}

/** One attack on an open place. */
async function measureAttack(place, attack, seconds, isWhole) {
  const { server } = place;
  const beforeMb = server.residentMb();
  server.resetPeak();
  const latencies = await (isWhole ? measureInRounds(place, attack) : measureOnce(place, attack, seconds));
  await untilReturned(server, beforeMb, isWhole);
  const [grownMb, afterMb] = [server.peakMb() - beforeMb, server.residentMb() - beforeMb];
  const { id, title, tags = [] } = attack;
  return { id, title, tags, ...latencies, beforeMb, grownMb, afterMb, isPlaced: place.isPlaced, ended: server.ended() };
}

/**
 * @param options `ids` of attacks (all), `seconds` of each on the quick tier, `isWhole` for the full tier, `onResult` called with each. The
 *   full tier reads memory after thirty seconds.
 * @returns for each attack `{ id, title, tags, alone, ordinary, during, ratio, loop, spread, max, wrong, failed, rounds, voided, stolen, beforeMb, grownMb, afterMb, isPlaced, ended }`;
 *   milliseconds at p99
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
      const result = await measureAttack(place, attack, seconds, isWhole);
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
