/** Event times in the forms that Python's datetime and protobuf give them (tests/oracles/feast/event_times.py). */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { eventSeconds, timestampSeconds } from "#runtime/stores/feast/event-time.js";
import { python } from "../../../needs/python.js";
import { ROOT } from "../../../run/graph.mjs";

const script = join(ROOT, "tests/oracles/feast/event_times.py");
/** Years 1003 to 9000, since Python writes fewer digits of earlier ones. Whole and half seconds are often. */
const seconds = fc.integer({ min: -30_500_000_000, max: 221_845_392_000 });
const micros = fc.oneof(fc.constantFrom(0, 500_000), fc.nat(999_999));
const zone = fc.option(fc.oneof(fc.constant(0), fc.integer({ min: -23 * 60, max: 23 * 60 })));
const time = fc.tuple(seconds, micros, zone);

interface Forms {
  readonly texts: readonly string[];
  readonly timestamp: string;
}

test("texts and timestamps are the seconds that they are of", () => {
  // One call of Python for all.
  const given = fc.sample(time, 300);
  const all = JSON.parse(execFileSync(python(), [script], { input: JSON.stringify(given) }).toString()) as Forms[];
  given.forEach(([whole, part], i) => {
    const { texts, timestamp } = all[i]!;
    const at = whole + part / 1e6;
    const off = timestampSeconds(Buffer.from(timestamp, "hex")) - at;
    expect([at, Math.abs(off) <= Number.EPSILON * Math.max(1, Math.abs(at))]).toEqual([at, true]);
    expect(texts.length).toBeGreaterThan(1);
    for (const text of texts) {
      // JavaScript's dates have milliseconds. Some of the texts have whole seconds.
      const [, digits = ""] = /:\d\d\.(\d+)/.exec(text) ?? [];
      const milliseconds = Number(digits.slice(0, 3).padEnd(3, "0"));
      expect([text, eventSeconds(text)]).toEqual([text, (whole * 1000 + milliseconds) / 1000]);
    }
  });
});

test("a text without a zone is in UTC, wherever the machine is, also with signs at its start", () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("TZ", "America/New_York");
  expect(new Date(0).getTimezoneOffset()).toBe(300);
  const texts = ["2024-01-01 00:00:00", "+002024-01-01 00:00:00", "2023-12-31 19:00:00-05:00"];
  expect(texts.map(eventSeconds)).toEqual(texts.map(() => 1_704_067_200));
});

test("numbers are seconds, in each of SQLite's types", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), fc.maxSafeInteger(), (real, whole) => {
      expect([eventSeconds(real), eventSeconds(whole), eventSeconds(BigInt(whole))]).toEqual([real, whole, whole]);
    }),
  );
});

test.each([null, undefined, true, Buffer.from("2024-01-01"), "", "noon", "2024-01-01 00:00:00+2:00", "1700000000,5"])(
  "%s is not a time",
  stored => {
    expect(eventSeconds(stored)).toBeNaN();
  },
);

test("fields of a timestamp that are not known are skipped, in any place", () => {
  const [seconds, nanos] = [Buffer.of(1 << 3, 10), Buffer.of(2 << 3, 0x80, 0xca, 0xb5, 0xee, 1)];
  const unknown = [Buffer.of(3 << 3, 5), Buffer.of((4 << 3) | 2, 2, 0x08, 99), Buffer.of((5 << 3) | 5, 1, 2, 3, 4)];
  for (const other of unknown)
    for (const parts of [
      [other, seconds, nanos],
      [seconds, other, nanos],
      [seconds, nanos, other],
    ])
      expect(timestampSeconds(Buffer.concat(parts))).toBe(10.5);
});
