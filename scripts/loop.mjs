// `npm run loop`: the closed loop on a simulated shop whose truth is known. Serve with an exposure log, join the clicks, train on them, estimate the new
// ensemble's lift from the log, and confirm it with a split.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bold, dim, heading, say, step, table } from "./demo/terminal.mjs";
import { setup } from "./setup.mjs";

const HELP = `npm run loop                     serve, join, train, evaluate and confirm, on a simulated shop
npm run loop -- --visits 20000   more requests: narrower intervals
npm run loop -- --seed 7         another shop, other users and other clicks
npm run loop -- --seeds 100      many shops: how often the interval of the estimate has the true lift
`;
const ROOT = join(import.meta.dirname, "..");
const MERLON = join(ROOT, "dist", "cli", "main.js");
const EXAMPLE = join(ROOT, "examples", "loop");
const WORK = join(EXAMPLE, ".work");
/** An estimate on the rows that the weights were fitted to would be too high. */
const DAYS = ["first-day", "second-day"];
const NO_WEIGHTS = /^const WEIGHTS = .*$/m;

/** @throws Error with the output of the command */
function merlon(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, ...args], { cwd: WORK, encoding: "utf8" });
  if (status !== 0) throw new Error(`merlon ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

async function query(sql) {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A file of the work folder as a text of SQL. */
const inSql = name => `'${join(WORK, name).replaceAll("'", "''")}'`;

/** Index and table of the items, and the served repository. */
async function prepare(world) {
  rmSync(WORK, { recursive: true, force: true });
  for (const folder of ["index", "tables"]) mkdirSync(join(WORK, folder), { recursive: true });
  for (const name of ["served", "next", "split"])
    cpSync(join(EXAMPLE, `${name}.ensemble.ts`), join(WORK, `${name}.ensemble.ts`));
  const rows = world.items.map(
    ({ id, vector, facts }) => `(${id}, [${vector.join(",")}]::FLOAT[], [${facts.join(",")}]::FLOAT[])`,
  );
  await query(
    `COPY (SELECT * FROM (VALUES ${rows.join(",")}) t(item_id, embedding, facts)) TO ${inSql("items.parquet")} (FORMAT parquet)`,
  );
  merlon(
    "index",
    "build",
    "--data",
    "items.parquet",
    "--id",
    "item_id",
    "--embedding",
    "embedding",
    "--out",
    "index/items.faiss",
  );
  merlon(
    "embedding",
    "build",
    "--data",
    "items.parquet",
    "--id",
    "item_id",
    "--embedding",
    "facts",
    "--out",
    "tables/items.embedding",
  );
  merlon("build", "served.ensemble.ts", "--out", "served");
}

/** One simulated day with a log of its own. @param name of the log @param repository in the work folder */
async function day({ name, repository, world, visits, seed }) {
  const { serveVisits } = await import("./loop/traffic.mjs");
  const exposures = join(WORK, `${name}-exposures`);
  const events = await serveVisits({ repository: join(WORK, repository), exposures, world, visits, seed, name });
  writeFileSync(join(WORK, `${name}-clicks.csv`), `${events.join("\n")}\n`);
  return { visits, clicks: events.length - 1 };
}

/** @returns the report of the join */
function joinDay(name, ...options) {
  const [log, clicks, out] = [`${name}-exposures/shop`, `${name}-clicks.csv`, `${name}.parquet`];
  return JSON.parse(merlon("feedback", "join", log, clicks, "--window", "1h", "--out", out, "--json", ...options));
}

async function train(positions) {
  const { fitClicks } = await import("./loop/train.mjs");
  const rows = await query(
    `SELECT candidate_distances fit, facts[1] quality, facts[2] price, position, label FROM ${inSql("first-day.parquet")} WHERE position IS NOT NULL`,
  );
  const weights = fitClicks(
    rows.map(({ fit, quality, price, position, label }) => ({
      features: [fit, quality, price],
      position: position - 1,
      label,
    })),
    positions,
  );
  const [fit, quality, price] = [...weights].map(weight => Number(weight.toFixed(4)));
  for (const name of ["next", "split"]) {
    const path = join(WORK, `${name}.ensemble.ts`);
    const line = `const WEIGHTS = { fit: ${fit}, quality: ${quality}, price: ${price} };`;
    writeFileSync(path, readFileSync(path, "utf8").replace(NO_WEIGHTS, line));
  }
  return { fit, quality, price };
}

/** Clicks per request of both arms, with the interval of a test of fixed length. */
function compareArms() {
  const { arms, comparisons } = JSON.parse(
    merlon("experiment", "report", "split.parquet", "--arms", "control,treatment", "--json"),
  );
  const [control] = arms;
  const [{ lift, fixed, outcome }] = comparisons;
  const { low, high } = fixed.interval;
  return { lift, outcome, interval: { low: low / control.mean, high: high / control.mean } };
}

/** The estimate of the next ensemble from the log, and its true lift. */
async function estimate(world, weights) {
  const { verdict, estimates } = JSON.parse(
    merlon("evaluate", "next.ensemble.ts", "--on", "second-day.parquet", "--json"),
  );
  const [served, next] = [
    world.truth(fit => fit),
    world.truth((fit, quality, price) => weights.fit * fit + weights.quality * quality + weights.price * price),
  ];
  return { verdict, first: estimates[0], truth: next / served - 1 };
}

const percent = value => `${value < 0 ? "−" : "+"}${(100 * Math.abs(value)).toFixed(1)} %`;
const between = ({ low, high }) => `${percent(low)} … ${percent(high)}`;

async function oneShop({ seed, visits }) {
  const { createWorld, POSITIONS } = await import("./loop/world.mjs");
  const world = createWorld(seed);
  const started = performance.now();
  heading("A shop whose truth is known");
  await step("Items, index, served repository", async () => {
    await prepare(world);
    return { note: `${world.items.length} items, ${world.users.length} users` };
  });
  for (const [i, name] of DAYS.entries())
    await step(`Serve the ${name.replace("-", " ")}, with a log`, async () => {
      const { clicks } = await day({ name, repository: "served", world, visits, seed: 3 * seed + i });
      return { note: `${visits} requests, ${clicks} clicks` };
    });
  await step("Join exposures and clicks", () => {
    for (const name of DAYS) joinDay(name, "--not-shown", "keep");
  });
  let weights;
  await step("Train on the first day", async () => {
    weights = await train(POSITIONS);
    return { note: JSON.stringify(weights) };
  });
  let found;
  await step("Evaluate on the second day", async () => {
    found = await estimate(world, weights);
  });
  let confirmed;
  await step("Confirm with a split", async () => {
    merlon("build", "split.ensemble.ts", "--out", "split");
    await day({ name: "split", repository: "split", world, visits, seed: 3 * seed + 2 });
    joinDay("split");
    confirmed = compareArms();
  });
  heading("Lift of clicks per request");
  table(
    ["from", ">lift", ">95 % interval", "verdict"],
    [
      [
        `the log of the old ensemble (${found.first.estimator})`,
        percent(found.first.lift),
        between(found.first.liftInterval),
        found.verdict.outcome,
      ],
      ["the split of users (Welch)", percent(confirmed.lift), between(confirmed.interval), confirmed.outcome],
      [bold("the truth"), bold(percent(found.truth)), "", ""],
    ],
  );
  for (const warning of found.verdict.warnings) say(`  ! ${warning}`);
  say(
    dim(
      `\nexamples/loop has the ensembles, and examples/loop/.work the logs and tables.   ${((performance.now() - started) / 1000).toFixed(0)} s`,
    ),
  );
}

/** Counts the shops in which the interval of the estimate has the true lift. */
async function manyShops({ seed, seeds, visits }) {
  const { createWorld, POSITIONS } = await import("./loop/world.mjs");
  let covered = 0;
  for (let i = 0; i < seeds; i++) {
    const world = createWorld(seed + i);
    await prepare(world);
    for (const [at, name] of DAYS.entries()) {
      await day({ name, repository: "served", world, visits, seed: 3 * (seed + i) + at });
      joinDay(name, "--not-shown", "keep");
    }
    const { first, truth } = await estimate(world, await train(POSITIONS));
    const { low, high } = first.liftInterval;
    const has = low <= truth && truth <= high;
    covered += has;
    say(
      `shop ${seed + i}: estimate ${percent(first.lift)}, ${between(first.liftInterval)}; truth ${percent(truth)} ${has ? "inside" : bold("outside")}; ${covered} of ${i + 1}`,
    );
  }
  say(`\n${covered} of ${seeds} intervals have the true lift.`);
  // For intervals of 95 %, fewer than 90 of 100 have a chance of 1 in 87.
  if (covered < 0.9 * seeds) process.exitCode = 1;
}

async function main() {
  const { values } = parseArgs({
    options: {
      visits: { type: "string", default: "4000" },
      seed: { type: "string", default: "1" },
      seeds: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const number = name => {
    const given = Number(values[name]);
    if (!Number.isSafeInteger(given) || given < 1)
      throw new Error(`--${name} is ${values[name]}; it takes a whole number from 1`);
    return given;
  };
  const settings = { seed: number("seed"), visits: number("visits") };
  // Tests have set everything up.
  if (process.env.MERLON_SET_UP === undefined) await setup();
  if (values.seeds === undefined) await oneShop(settings);
  else await manyShops({ ...settings, seeds: number("seeds") });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nnpm run loop stopped: ${error.message}\n`);
  process.exitCode = 1;
}
