/** The feedback join as nested loops over arrays: the definition that the SQL is compared with. */
import { createHash } from "node:crypto";
import type { EventCounts, JoinOptions } from "#runtime/etl/feedback/options.js";
import type { Exposure } from "./log.js";

export interface Event {
  readonly request_id: string | null;
  readonly request_row?: number;
  readonly user_id: number | null;
  readonly item: number | null;
  readonly event: string;
  /** Seconds, as in `Exposure`. */
  readonly time: number;
  readonly id: string;
}

/** Key, label, reward, time of the first event or null, and weight. */
export type Joined = readonly [
  string,
  number,
  number,
  number | null,
  number,
  number,
  number | null,
  number | undefined,
];

export interface Reference {
  readonly rows: readonly Joined[];
  readonly counts: Omit<EventCounts, "withoutReward">;
}

type Hit = Event & { readonly reward: number; readonly isLabel: boolean };

export function join(exposures: readonly Exposure[], events: readonly Event[], options: JoinOptions): Reference {
  const counts = {
    rows: events.length,
    matched: 0,
    late: 0,
    beforeExposure: 0,
    duplicates: 0,
    unknownRequests: 0,
    notInList: 0,
    withoutExposure: 0,
    notShown: 0,
    withoutKey: 0,
    otherNames: 0,
  };
  const keyed = (event: Event): readonly Exposure[] =>
    exposures.filter(shown => shown.item === event.item && isOfKey(shown, event, options));
  const hits: Hit[] = [];
  for (const event of events) {
    const reason = reasonOf(event, exposures, keyed(event), options);
    if (reason) counts[reason]++;
    else
      hits.push({
        ...event,
        reward: options.rewards ? (options.rewards.get(event.event) ?? 0) : 1,
        isLabel: options.labels?.includes(event.event) ?? true,
      });
  }
  const once = withoutRepeated(hits, options);
  counts.duplicates = hits.length - once.length;
  const credits = new Map<Exposure, Hit[]>();
  for (const event of once) {
    const of = keyed(event).filter(({ position }) => position !== null);
    const near = of.filter(
      ({ time }) => event.time - time <= options.window && time - event.time <= (options.clockSkew ?? 0),
    );
    if (near.length === 0) counts[of.some(({ time }) => time < event.time) ? "late" : "beforeExposure"]++;
    else counts.matched++;
    for (const exposure of chosen(near, event, options))
      credits.set(exposure, [...(credits.get(exposure) ?? []), event]);
  }
  const rows = exposures
    .filter(({ position }) => position !== null || options.notShown)
    .filter(exposure => credits.has(exposure) || isSampled(exposure, options))
    .map((exposure): Joined => {
      const own = credits.get(exposure) ?? [];
      const reward = Number(own.reduce((sum, one) => sum + one.reward, 0).toFixed(9));
      const time = own.length > 0 ? Math.min(...own.map(one => one.time)) : null;
      const weight = options.negatives === undefined ? undefined : own.length > 0 ? 1 : 1 / options.negatives;
      return [
        exposure.request_id!,
        exposure.request_row,
        exposure.item as number,
        exposure.position,
        own.some(one => one.isLabel) ? 1 : 0,
        reward,
        time,
        weight,
      ];
    })
    .sort((a, b) => by(a[0], b[0]) || a[1] - b[1] || (a[3] ?? Infinity) - (b[3] ?? Infinity) || a[2] - b[2]);
  return { rows, counts };
}

const by = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function isOfKey(exposure: Exposure, event: Event, { user }: JoinOptions): boolean {
  if (event.request_id !== null)
    return (
      exposure.request_id === event.request_id &&
      (event.request_row === undefined || event.request_row === exposure.request_row)
    );
  return user !== undefined && event.user_id !== null && exposure.user_id === event.user_id;
}

function reasonOf(
  event: Event,
  all: readonly Exposure[],
  keyed: readonly Exposure[],
  { user, rewards, labels }: JoinOptions,
) {
  if ((rewards ?? labels) && !rewards?.has(event.event) && !labels?.includes(event.event)) return "otherNames";
  if (event.item === null || (event.request_id === null && (user === undefined || event.user_id === null)))
    return "withoutKey";
  if (keyed.some(({ position }) => position !== null)) return undefined;
  if (keyed.length > 0) return "notShown";
  if (event.request_id === null) return "withoutExposure";
  return all.some(({ request_id }) => request_id === event.request_id) ? "notInList" : "unknownRequests";
}

function withoutRepeated(hits: readonly Hit[], { eventId }: JoinOptions): readonly Hit[] {
  const kept = new Map<string, Hit>();
  for (const hit of hits) {
    const key = hit.request_id === null ? ["user", hit.user_id] : ["request", hit.request_id, hit.request_row];
    const name = eventId === undefined ? JSON.stringify([key, hit.item, hit.event, hit.time]) : hit.id;
    const other = kept.get(name);
    if (!other || hit.time < other.time) kept.set(name, hit);
  }
  return [...kept.values()];
}

function chosen(near: readonly Exposure[], event: Event, { attribution }: JoinOptions): readonly Exposure[] {
  if (attribution === "all") return near;
  const before = near.filter(({ time }) => time <= event.time);
  const best = (before.length > 0 ? before : near).toSorted(
    (a, b) =>
      (attribution === "last"
        ? b.time - a.time || a.position! - b.position!
        : a.position! - b.position! || b.time - a.time) ||
      by(a.request_id!, b.request_id!) ||
      a.request_row - b.request_row ||
      (a.item as number) - (b.item as number),
  );
  return best.slice(0, 1);
}

/** The first half of MD5, as a little-endian integer, is below the rate of 2^64. */
function isSampled({ request_id, item }: Exposure, { negatives = 1, seed = 0 }: JoinOptions): boolean {
  const hash = createHash("md5").update(`${seed}:${item}:${request_id}`).digest().readBigUInt64LE(0);
  return Number(hash) < negatives * 2 ** 64;
}
