/** A server in front of a repository whose models a build exchanges, or whose build was killed in the middle. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { ownerTag } from "#contract/files/owner-tag.js";
import { buildsEnd } from "#runtime/server/models/unfinished-builds.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";

const [machine, pid, started] = ownerTag().split(".") as [string, string, string];
const DEAD = `${machine}.${pid}.${Number(started) + 1}`;

let parent: string;
let repository: string;
let journal: string;
const warnings: string[] = [];
const log = { warning: (_: string, text: string) => warnings.push(text) } as unknown as ServerLog;
beforeEach(() => {
  warnings.length = 0;
  parent = mkdtempSync(join(tmpdir(), "merlon-unfinished-"));
  repository = join(parent, "models");
  journal = join(repository, ".merlon-exchange.json");
});

/** The second of two models has not been exchanged, and the one that the program no longer has is still there. */
function halfDone(tag: string): void {
  const staging = `.merlon-staging-models-${tag}-0123456789ab`;
  const model = (folder: string, name: string, text: string): string => {
    mkdirSync(join(parent, folder, name), { recursive: true });
    writeFileSync(join(parent, folder, name, "text"), text);
    return String(lstatSync(join(parent, folder, name), { bigint: true }).ino);
  };
  const put = { shop: model("models", "shop", "new"), shop_ranker: model(staging, "shop_ranker", "new") };
  model(staging, "shop", "old");
  model("models", "shop_ranker", "old");
  model("models", "shop_gone", "old");
  const holder = { id: "0123456789ab", tag, host: "h", pid: 1, program: "merlon build shop", since: "now" };
  writeFileSync(journal, JSON.stringify({ holder, staging, put, remove: ["shop_gone"] }));
}
const found = (): readonly string[] =>
  readdirSync(repository).flatMap(name =>
    name.startsWith(".") ? [] : [`${name} ${readFileSync(join(repository, name, "text"), "utf8")}`],
  );

test("it completes the exchange of a build that was killed, from wherever that was", async () => {
  halfDone(DEAD);
  expect(await buildsEnd([repository], log)).toBe(true);
  expect(found()).toEqual(["shop new", "shop_ranker new"]);
  expect([existsSync(journal), warnings]).toEqual([false, []]);
});

test("it waits for a build that runs", async () => {
  halfDone(ownerTag());
  const waiting = buildsEnd([repository], log);
  expect(await Promise.race([waiting, new Promise(done => setImmediate(done, "waits"))])).toBe("waits");
  rmSync(journal);
  expect(await waiting).toBe(true);
});

test("it names a build that has not ended for long, and changes nothing", async () => {
  halfDone(`${machine === "00000000" ? "11111111" : "00000000"}.1.1`);
  expect(await buildsEnd([repository], log)).toBe(false);
  expect(found()).toEqual(["shop new", "shop_gone old", "shop_ranker old"]);
  expect(warnings).toEqual([
    `the models of '${repository}' are a part of two builds: \`merlon build shop\` (process 1 on h, since now) has not finished. Run \`merlon build\` again.`,
  ]);
});

test("a journal that names folders elsewhere is not followed", async () => {
  halfDone(DEAD);
  const { holder } = JSON.parse(readFileSync(journal, "utf8")) as { holder: object };
  writeFileSync(journal, JSON.stringify({ holder, staging: "models", put: { "../x": "1" }, remove: [] }));
  expect(await buildsEnd([repository], log)).toBe(true);
  writeFileSync(journal, JSON.stringify({ holder, staging: "models/shop", put: { x: "1" }, remove: ["shop_gone"] }));
  expect(await buildsEnd([repository], log)).toBe(true);
  expect(found()).toEqual(["shop new", "shop_gone old", "shop_ranker old"]);
});
