/**
 * Reads of a Feast store by `better-sqlite3` and by Node's own `node:sqlite`: `npm run bench:sqlite -- [--rounds 9] [--copies 4]`. Both run the product's
 * statements on one file, in alternated rounds of one process. They look up 1, 16 and 256 keys, and load all views into memory. Prints CPU
 * times, their ratios, and the lines that each library writes on stderr when it is loaded.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { readRegistry } from "../../dist/formats/feast/feast-registry.js";
import { cellReader, cellsText, onlyFeatures, quoteName } from "../../dist/runtime/stores/feast/packed-cells.js";
import { takeView } from "../../dist/runtime/stores/feast/snapshot.js";

const { values } = parseArgs({
  options: {
    /** Runs each library's first load in its own process. */
    load: { type: "string" },
    rounds: { type: "string", default: "9" },
    copies: { type: "string", default: "4" },
  },
});
const DATA = new URL("../../examples/shop/features/data/", import.meta.url);
const FILE = new URL("online_store.db", DATA).pathname;
const KEY_VERSION = 3;
const KEYS = [1, 16, 256];
const OPTIONS = { bytes: "utf8", eventTimes: false };

/** The part of better-sqlite3's interface that the reads use, over `node:sqlite`. */
function openNodes(file) {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const db = new DatabaseSync(file, { readOnly: true });
  const prepare = sql => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    function* firstOf(...given) {
      for (const [value] of statement.iterate(...given)) yield value;
    }
    const plucked = {
      iterate: firstOf,
      all: (...given) => statement.all(...given).map(([value]) => value),
      get: (...given) => statement.get(...given)?.[0],
    };
    return { raw: () => statement, pluck: () => plucked };
  };
  return { prepare, close: () => db.close(), serialize: db.serialize && (() => db.serialize()) };
}

const LIBRARIES = {
  "better-sqlite3": file => {
    const Database = createRequire(import.meta.url)("better-sqlite3");
    return new Database(file, { readonly: true });
  },
  "node:sqlite": openNodes,
};

if (values.load) {
  LIBRARIES[values.load](FILE).close();
  // A warning is written in a later turn.
  await new Promise(setImmediate);
  process.exit(0);
}

/** As `sqlite-store.ts` writes it. */
function lookUpText({ table, features }, keys) {
  const given = Array.from({ length: keys }, (_, i) => `(${i}, ?)`).join(", ");
  const cells = cellsText(features, 0, false);
  const some = onlyFeatures({ features }, features, "t.feature_name");
  return `WITH k(i, entity_key) AS (VALUES ${given}) SELECT k.i, (SELECT ${cells} FROM ${quoteName(table)} AS t WHERE t.entity_key = k.entity_key${some}) FROM k`;
}

const { views } = readRegistry(readFileSync(new URL("registry.db", DATA)), "registry.db");
const used = views.map(view => ({ ...view, features: view.features.filter(({ type }) => type !== null) }));

function measures(db) {
  const read = cellReader();
  const lookUp = keys => {
    const readers = used.map(view => {
      const statement = db.prepare(lookUpText(view, keys)).raw();
      const stored = db.prepare(`SELECT DISTINCT entity_key FROM ${quoteName(view.table)} ORDER BY entity_key`).pluck();
      const all = stored.all();
      const batches = Array.from({ length: Math.ceil(8192 / keys) }, (_, b) =>
        Array.from({ length: keys }, (__, i) => all[((b * keys + i) * 48_271) % all.length]),
      );
      return { statement, batches };
    });
    return () => {
      let sum = 0;
      for (const { statement, batches } of readers)
        for (const batch of batches)
          for (const [place, text] of statement.all(...batch))
            read(text, place, (_row, feature, value) => (sum += feature + (value?.length ?? 0)));
      return sum;
    };
  };
  const load = () => {
    let sum = 0;
    for (let copy = 0; copy < Number(values.copies); copy++)
      for (const view of used)
        for (const { status } of takeView(db, KEY_VERSION, { view, features: view.features }, OPTIONS).features)
          for (const one of status) sum += one;
    return sum;
  };
  return Object.fromEntries([
    ...KEYS.map(keys => [`look-ups, ${keys} keys`, lookUp(keys)]),
    ["load of all views", load],
  ]);
}

const median = numbers => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const names = Object.keys(LIBRARIES);
const opened = Object.fromEntries(names.map(name => [name, LIBRARIES[name](FILE)]));
const timed = Object.fromEntries(names.map(name => [name, measures(opened[name])]));
const rows = [];
for (const what of Object.keys(timed[names[0]])) {
  const times = { [names[0]]: [], [names[1]]: [] };
  const sums = new Set();
  for (let round = -2; round < Number(values.rounds); round++)
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const before = process.cpuUsage();
      sums.add(timed[name][what]());
      const { user, system } = process.cpuUsage(before);
      // The first rounds compile.
      if (round >= 0) times[name].push((user + system) / 1000);
    }
  if (sums.size !== 1) throw new Error(`${what}: the libraries read different values`);
  const [better, own] = names.map(name => median(times[name]));
  rows.push({
    what,
    "better-sqlite3, ms": better.toFixed(1),
    "node:sqlite, ms": own.toFixed(1),
    ratio: (own / better).toFixed(2),
  });
}
console.log(
  `Node ${process.versions.node}, SQLite ${process.versions.sqlite} in node:sqlite; CPU times, medians of ${values.rounds} rounds`,
);
console.table(rows);
for (const name of names) {
  const { stderr } = spawnSync(process.execPath, [import.meta.filename, "--load", name], { encoding: "utf8" });
  const serialize = opened[name].serialize ? "has serialize" : "has no serialize";
  console.log(
    `${name}: ${serialize}; stderr when it opens a file: ${stderr.trim() === "" ? "nothing" : stderr.trim()}`,
  );
}
