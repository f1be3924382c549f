/**
 * A fuzzer that maximizes cost: of each kind of request the costliest lives on, and is mutated and crossed. Most requests are measured in groups,
 * which prove that each holds its budget; those measured alone guide the climb. The seed fixes what is drawn; which of it lives on depends on
 * the measurement.
 */
import { randomFrom } from "../mutate.mjs";
import { createArchives, KINDS } from "./archives.mjs";
import { ratios } from "./budget.mjs";
import { BOUNDS } from "./genes.mjs";
import { createGroups, isHeld } from "./groups.mjs";

/** Careful readings that need no requests before them. */
const FIRST_READINGS = 100;
/** Share of a budget from which a reading is doubted. */
const DOUBTED = 0.25;
/** Readings of a request that seems costlier than any before; of half a budget and more, the meter takes as many as it can. */
const LEAST_READINGS = 3;
const HALF = 0.5;
/** Requests that are drawn together. */
const BATCH = 64;
const [TRIM_EVERY, PROGRESS_EVERY] = [5000, 1000];

const least = (one, other) => ({
  micros: Math.min(one.micros, other.micros),
  grownMb: Math.min(one.grownMb, other.grownMb),
  answered: one.answered && other.answered,
});

/** The costliest request of all, and of each cell over its budget. */
function createFindings(cell) {
  const violations = new Map();
  const worst = { cpu: undefined, memory: undefined };
  const known = (kind, genome) => violations.get(`${kind} ${cell(genome)}`)?.ratio ?? 0;
  return {
    worst,
    count: () => violations.size,
    sorted: () => [...violations.values()].sort((a, b) => b.ratio - a.ratio),
    isNew: (kind, genome, ratio) =>
      (ratio > DOUBTED && ratio > 1.1 * (worst[kind]?.ratio ?? 0)) || (ratio > 1 && ratio > 1.5 * known(kind, genome)),
    add(kind, entry, isCareful) {
      const { genome, ratio } = entry;
      if (isCareful && ratio > (worst[kind]?.ratio ?? 0)) worst[kind] = entry;
      if (ratio > 1 && ratio > known(kind, genome)) violations.set(`${kind} ${cell(genome)}`, { kind, ...entry });
    },
  };
}

/**
 * @param shapes `GENES`, `build` and `cell` of a protocol
 * @param meter of `costMeter`
 * @param options `requests`, `seed`, `until` (end time), `seeds` (initial genomes), `bounds` of a request's size, and `onProgress`. `enough` is
 * the number of kinds over their budget to end after.
 * @returns `{ sent, alone, seconds, worst: { cpu, memory }, violations }`, each `{ genome, wire, charged, micros, grownMb, ratio }`; `alone`
 * counts the requests that were measured alone
 */
export async function climb(
  shapes,
  meter,
  {
    requests,
    seed,
    until = Number.POSITIVE_INFINITY,
    enough = Number.POSITIVE_INFINITY,
    seeds = [],
    bounds = BOUNDS,
    onProgress = () => {},
  },
) {
  const random = randomFrom(seed);
  const archives = createArchives(shapes, random);
  const groups = createGroups(random);
  const findings = createFindings(shapes.cell);
  const started = performance.now();
  const queue = [...seeds];
  let [sent, alone, unanswered, carefulReadings] = [0, 0, 0, 0];

  const count = number => {
    const before = sent;
    sent += number;
    const hasPassed = every => Math.floor(before / every) < Math.floor(sent / every);
    if (hasPassed(TRIM_EVERY)) archives.trim();
    if (hasPassed(PROGRESS_EVERY)) onProgress?.({ sent, alone, worst: findings.worst, violations: findings.count() });
  };

  /** A request that is not beyond the bounds. */
  const member = () => {
    for (;;) {
      const genome = queue.shift() ?? archives.candidate();
      const built = shapes.build(genome, bounds);
      if (built) return { genome, built, isOpen: genome.end === "open" || genome.end === "reset" };
    }
  };

  const measureAlone = async one => {
    const { genome, built } = one;
    const ratiosOf = cost => ratios(cost, built.charged, built.requests);
    let cost = await meter.group([one]);
    groups.learn(cost, [one]);
    let found = ratiosOf(cost);
    let isCareful = false;
    const isRecord = kind => found[kind] > DOUBTED && found[kind] > archives.ratio(kind, genome);
    // An object in the form of a record may be another collection.
    if (KINDS.some(isRecord)) {
      cost = least(cost, await meter.group([one]));
      found = ratiosOf(cost);
    }
    const isNew = kind => findings.isNew(kind, genome, found[kind]);
    // A first reading has collections and compilations of others in it: what looks like a record is measured again. That takes long.
    if (KINDS.some(isNew) && carefulReadings < FIRST_READINGS + sent / 200) {
      carefulReadings++;
      cost = await meter.careful(one, {
        collects: isNew("memory"),
        needsMore(reading, count) {
          found = ratiosOf(reading);
          return KINDS.some(isNew) && (count < LEAST_READINGS || found.cpu > HALF || found.memory > HALF);
        },
      });
      found = ratiosOf(cost);
      isCareful = KINDS.some(isNew);
    }
    if (!cost.answered) unanswered++;
    const { wire, charged, requests: within } = built;
    for (const kind of KINDS) {
      const ratio = isCareful ? found[kind] : Math.min(1, found[kind]);
      const entry = { genome, wire, charged, requests: within, ...cost, ratio };
      archives.add(kind, entry);
      findings.add(kind, entry, isCareful);
    }
    alone++;
    count(1);
  };

  const measure = async members => {
    if (members.length === 1) return measureAlone(members[0]);
    const cost = await meter.group(members);
    const isUnusual = groups.learn(cost, members);
    if (isHeld(cost, members) && !isUnusual) return count(members.length);
    const half = members.length >> 1;
    await measure(members.slice(0, half));
    return measure(members.slice(half));
  };

  const isOver = () => Date.now() >= until || findings.count() >= enough;
  while (sent < requests && !isOver()) {
    const batch = Array.from({ length: Math.min(BATCH, requests - sent) }, member);
    const isAlone = archives.isSmall() || sent < seeds.length;
    for (const group of isAlone ? batch.map(one => [one]) : groups.pack(batch)) {
      if (isOver()) break;
      await measure(group);
    }
  }
  return {
    ...{ sent, alone, unanswered, worst: findings.worst, violations: findings.sorted() },
    seconds: (performance.now() - started) / 1000,
  };
}
