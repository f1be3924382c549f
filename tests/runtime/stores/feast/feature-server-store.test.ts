/** Responses of feature servers in the forms of old and new releases: values, statuses, faults, and a warning about keys that old servers never find. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Secret } from "#contract/secret.js";
import type { FeastView } from "#formats/feast/feast-registry.js";
import { openFeatureServer } from "#runtime/stores/feast/feature-server-store.js";
import { FEATURE_STATUS } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";

/** The next response, of a server of `/get-online-features`. */
let answer = "";
const server = createServer(async (request, response) => {
  await request.resume().toArray();
  response.end(answer);
});
let url: string;
beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => void vi.restoreAllMocks());

const viewOf = (name: string): FeastView =>
  ({
    ...{ name, joinKeys: [{ name: "shop", type: "INT32" }] },
    features: [
      { name: "rating", type: "DOUBLE", typeNumber: 5 },
      { name: "visits", type: "INT64", typeNumber: 4 },
    ],
  }) as unknown as FeastView;

async function read(view: FeastView, keys: readonly number[]) {
  const store = await openFeatureServer({ type: "remote", url: new Secret(url, url) } as never, 20_000);
  try {
    const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: true });
    return await reader.getOnline(new Map([["shop", scalars("int32", keys)]]), keys.length);
  } finally {
    await store.close();
  }
}

const cell = fc.option(
  fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
);
const given = fc.record({
  cells: fc.array(cell, { minLength: 1, maxLength: 5 }),
  isOld: fc.boolean(),
  /** A server may list features in another order, with others between them. */
  isReversed: fc.boolean(),
});
/** With the sign of a zero, as Python writes it. */
const numberText = (value: number): string => (Object.is(value, -0) ? "-0.0" : String(value));
let views = 0;

/** The server's JSON, whose integers have all their digits. @param isOld with `metadata` as the first member */
function written(view: string, { cells, isOld, isReversed }: typeof given extends fc.Arbitrary<infer T> ? T : never) {
  const list = (items: readonly string[]) => `[${items.join(",")}]`;
  const statuses = list(cells.map(of => (of ? '"PRESENT"' : '"NOT_FOUND"')));
  const times = list(cells.map((_, i) => `"1970-01-01T00:00:0${i}Z"`));
  const column = (values: readonly string[]) =>
    `{"values":${list(values)},"statuses":${statuses},"event_timestamps":${times}}`;
  const columns: [name: string, json: string][] = [
    ["shop", column(cells.map((_, i) => String(i)))],
    [`${view}__rating`, column(cells.map(of => (of ? numberText(of[0]) : "null")))],
    [`${view}__visits`, column(cells.map(of => (of ? String(of[1]) : "null")))],
  ];
  if (isReversed) columns.reverse();
  const metadata = `"metadata":{"feature_names":${JSON.stringify(columns.map(([name]) => name))}}`;
  const results = `"results":${list(columns.map(([, json]) => json))}`;
  return `{${isOld ? `${metadata},${results}` : `${results},${metadata}`}}`;
}

test("columns have the values and times of the keys that were found; an old server that finds none of INT32 is warned of once", async () => {
  await fc.assert(
    fc.asyncProperty(given, async one => {
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const view = viewOf(`shops${views++}`);
      answer = written(view.name, one);
      const keys = one.cells.map((_, i) => i);
      const [rating, visits] = await read(view, keys);
      const status = one.cells.map(of => (of ? FEATURE_STATUS.present : FEATURE_STATUS.notFound));
      expect([[...rating!.status], [...visits!.status]]).toEqual([status, status]);
      const found = keys.filter(i => one.cells[i]);
      expect(found.map(i => rating!.values[i])).toEqual(found.map(i => one.cells[i]![0]));
      expect(found.map(i => visits!.values[i])).toEqual(found.map(i => one.cells[i]![1]));
      expect(found.map(i => visits!.eventSeconds![i])).toEqual(found);
      await read(view, keys);
      expect(warn.mock.calls).toEqual(
        one.isOld && found.length === 0
          ? [
              [
                expect.stringMatching(
                  new RegExp(`${url} found none of the keys of view \`${view.name}\`.*key such as \`shop\``),
                ),
                "MerlonWarning",
              ],
            ]
          : [],
      );
      warn.mockRestore();
    }),
    {
      numRuns: 40,
      // Random cells seldom have it: no key at all is found, by an old server and by a new one.
      examples: [
        [{ cells: [null, null], isOld: true, isReversed: false }],
        [{ cells: [null], isOld: false, isReversed: false }],
      ],
    },
  );
});

describe("a fault", () => {
  test.each([
    ["not JSON", "<html>", "INTERNAL: the feature server at URL answers something that is not JSON."],
    ["no object", "[1]", "INTERNAL: the feature server at URL answers no columns."],
    ["no results", '{"metadata":{"feature_names":[]}}', "INTERNAL: the feature server at URL answers no columns."],
    [
      "no such feature",
      '{"results":[],"metadata":{"feature_names":[]}}',
      "INTERNAL: the feature server at URL answers no values of `shops:rating` for 2 keys.",
    ],
    [
      "too few statuses",
      '{"results":[{"values":[1,2],"statuses":["PRESENT"]}],"metadata":{"feature_names":["shops__rating"]}}',
      "INTERNAL: the feature server at URL answers 2 values of `shops:rating` for 2 keys.",
    ],
    [
      "too few values",
      '{"results":[{"values":[1],"statuses":["PRESENT","PRESENT"]}],"metadata":{"feature_names":["shops__rating"]}}',
      "INTERNAL: the feature server at URL answers 1 values of `shops:rating` for 2 keys.",
    ],
    [
      "no statuses",
      '{"results":[{"values":[1,2]}],"metadata":{"feature_names":["shops__rating"]}}',
      "INTERNAL: the feature server at URL answers 2 values of `shops:rating` for 2 keys.",
    ],
    [
      "another type",
      '{"results":[{"values":[1,"x"],"statuses":["PRESENT","PRESENT"]}],"metadata":{"feature_names":["shops__rating"]}}',
      "INTERNAL: feature `shops:rating` of shop 9 can not be read: a number belongs there and the server answers the string x.",
    ],
  ])("names what is wrong: %s", async (_, text, message) => {
    answer = text;
    const fault = await read(viewOf("shops"), [7, 9]).then(
      () => "none",
      ({ code, message: of }: { code: string; message: string }) => `${code}: ${of}`,
    );
    expect(fault).toContain(message.replace("URL", url));
  });
});
