/**
 * A fuzzer that maximizes cost: of each kind of request the costliest lives on, and is mutated and crossed. The seed fixes what is drawn; which
 * of it lives on depends on the measurement.
 */
import { randomFrom } from "../mutate.mjs";
import { BOUNDS, cross, draw, mutate } from "./genes.mjs";

/** The budget of a request: a fixed part, and a cost per KB. */
export const BUDGET = { fixedMicros: 5000, microsPerKb: 50, fixedKb: 1024, kbPerKb: 16 };

/** Careful readings that need no requests before them. */
const FIRST_READINGS = 100;

/** Share of a budget from which a reading is doubted. */
const DOUBTED = 0.25;
/** From here on more readings are taken, so that the figure is the request's own. */
const HALF = 0.5;

const least = (one, other) => ({
  micros: Math.min(one.micros, other.micros),
  grownMb: Math.min(one.grownMb, other.grownMb),
  answered: one.answered && other.answered,
});

/**
 * Cost over budget; 1 is what is allowed.
 * @param charged bytes on the wire, with the body unpacked
 * @param requests each has the fixed part: the messages of a stream are requests of their own
 */
export function ratios({ micros, grownMb }, charged, requests = 1) {
  const kb = charged / 1024;
  return {
    cpu: micros / (BUDGET.fixedMicros * requests + BUDGET.microsPerKb * kb),
    memory: (grownMb * 1024) / (BUDGET.fixedKb * requests + BUDGET.kbPerKb * kb),
  };
}

/** Beyond the fixed parts: milliseconds and megabytes for each KB. */
export const perKb = ({ micros, grownMb }, charged, requests = 1) => ({
  ms: Math.max(0, micros - BUDGET.fixedMicros * requests) / 1000 / (charged / 1024),
  mb: Math.max(0, grownMb - (BUDGET.fixedKb * requests) / 1024) / (charged / 1024),
});

/**
 * @param shapes `GENES`, `build` and `cell` of a protocol
 * @param meter of `costMeter`
 * @param options The options are `requests`, `seed`, `until` (end time), `seeds` (initial genomes), `bounds` of a request's size, and
 * `onProgress`.
 * @returns `{ sent, seconds, worst: { cpu, memory }, violations }`, each `{ genome, wire, charged, micros, grownMb, ratio }`
 */
export async function climb(
  shapes,
  meter,
  { requests, seed, until = Number.POSITIVE_INFINITY, seeds = [], bounds = BOUNDS, onProgress },
) {
  const { GENES, build, cell } = shapes;
  const random = randomFrom(seed);
  const archives = { cpu: new Map(), memory: new Map() };
  const best = archive => [...archive.values()].sort((a, b) => b.ratio - a.ratio);
  const violations = new Map();
  const worst = { cpu: undefined, memory: undefined };
  const started = performance.now();
  let sent = 0;
  let unanswered = 0;
  let carefulReadings = 0;

  const candidate = () => {
    if (sent < seeds.length) return seeds[sent];
    const archive = [...archives[random.below(3) ? "cpu" : "memory"].values()];
    if (archive.length < 20 || random.below(5) === 0) return draw(GENES, random);
    // The costliest of a few.
    const pick = () =>
      Array.from({ length: 4 }, () => random.pick(archive)).reduce((a, b) => (b.ratio > a.ratio ? b : a)).genome;
    const parent = random.below(4) ? pick() : cross(GENES, pick(), pick(), random);
    return mutate(GENES, parent, random);
  };

  while (sent < requests && Date.now() < until) {
    const genome = candidate();
    const built = build(genome, bounds);
    if (!built) {
      // Beyond the bounds of a request: not sent, and not drawn again from the seeds.
      if (sent < seeds.length) seeds.splice(sent, 1);
      continue;
    }
    const isOpen = genome.end === "open" || genome.end === "reset";
    sent++;
    let cost = await meter.once(built, isOpen);
    const key = cell(genome);
    let found = ratios(cost, built.charged, built.requests);
    const isRecord = kind => found[kind] > DOUBTED && found[kind] > (archives[kind].get(key)?.ratio ?? 0);
    // An object in the form of a record may be another collection.
    if (isRecord("cpu") || isRecord("memory")) {
      const again = await meter.once(built, isOpen);
      cost = least(cost, again);
      found = ratios(cost, built.charged, built.requests);
    }
    // A first reading has collections and compilations of others in it: what looks like a record is measured again.
    const isNew = kind =>
      (found[kind] > DOUBTED && found[kind] > 1.1 * (worst[kind]?.ratio ?? 0)) ||
      (found[kind] > 1 && found[kind] > 1.5 * (violations.get(`${kind} ${key}`)?.ratio ?? 0));
    // Measuring again takes as long as a dozen requests.
    const isNoted = (isNew("cpu") || isNew("memory")) && carefulReadings < FIRST_READINGS + sent / 200;
    if (isNoted) {
      carefulReadings++;
      cost = await meter.careful(built, isOpen, one => {
        const { cpu, memory } = ratios(one, built.charged, built.requests);
        return cpu > HALF || memory > HALF;
      });
      found = ratios(cost, built.charged, built.requests);
    }
    if (!cost.answered) unanswered++;
    for (const kind of ["cpu", "memory"]) {
      if (!isNoted && found[kind] > 1) found[kind] = 1;
      const entry = {
        genome,
        wire: built.wire,
        charged: built.charged,
        requests: built.requests,
        ...cost,
        ratio: found[kind],
      };
      if (found[kind] > (archives[kind].get(key)?.ratio ?? 0)) archives[kind].set(key, entry);
      if (isNoted && found[kind] > (worst[kind]?.ratio ?? 0)) worst[kind] = entry;
      if (found[kind] > 1 && found[kind] > (violations.get(`${kind} ${key}`)?.ratio ?? 0))
        violations.set(`${kind} ${key}`, { kind, ...entry });
    }
    // An archive of a whole run is small, and its tail never wins.
    if (sent % 5000 === 0)
      for (const kind of ["cpu", "memory"])
        archives[kind] = new Map(
          best(archives[kind])
            .slice(0, 400)
            .map(entry => [cell(entry.genome), entry]),
        );
    if (sent % 250 === 0) onProgress?.({ sent, worst, violations: violations.size });
  }
  return {
    sent,
    unanswered,
    seconds: (performance.now() - started) / 1000,
    worst,
    violations: [...violations.values()].sort((a, b) => b.ratio - a.ratio),
  };
}
