/** `npm test -- --shuffle=SEED`: one seed is one order, another one is another. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, expect, test } from "vitest";
import { shuffled } from "../../scripts/shuffled.mjs";
import { ROOT } from "./graph.mjs";

const folder = mkdtempSync(join(import.meta.dirname, "made-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NAMES = Array.from({ length: 12 }, (_, i) => `number ${i}`);

/** @returns names of the tests in the order in which they ran */
function orderOf(options: readonly string[]): readonly string[] {
  const file = join(folder, "planted.test.ts");
  writeFileSync(
    file,
    `import { test } from "vitest";\nfor (const name of ${JSON.stringify(NAMES)}) test(name, () => {});\n`,
  );
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const words = ["run", "--configLoader", "runner", "--reporter=verbose", relative(ROOT, file), ...options];
  const { stdout } = spawnSync(process.execPath, [vitest, ...words], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, MERLON_SET_UP: "before", MERLON_ORDINARY_USER: undefined, NO_COLOR: "1" },
  });
  return [...stdout.matchAll(/✓ .*(number \d+)/g)].map(([, name]) => name!);
}

test("one seed is one order", () => {
  const said: string[] = [];
  const [one, again, other] = [7, 7, 8].map(seed =>
    orderOf(shuffled([`--shuffle=${seed}`], text => said.push(text) > 0)),
  );
  expect(said[0]).toBe("random order: --shuffle=7\n");
  expect(one!.toSorted()).toEqual(NAMES.toSorted());
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
  expect(one).not.toEqual(NAMES);
});

test("reversed, the tests of a file run from its end", () => {
  expect(orderOf(shuffled(["--reverse"]))).toEqual(NAMES.toReversed());
});

test.each(["--shuffle", "--shuffle=7"])("--reverse beside %s is refused", word => {
  expect(() => shuffled(["--reverse", word])).toThrow(`--reverse and ${word} are two orders: leave out one`);
});

test("without a seed there is one, which is printed; other options stay", () => {
  const said: string[] = [];
  const words = shuffled(["--shuffle", "-t", "bounds"], text => said.push(text) > 0);
  const [, seed] = /^random order: --shuffle=(\d+)\n$/.exec(said.join(""))!;
  expect(words).toEqual([
    ...["-t", "bounds", "--sequence.shuffle.files", "--sequence.shuffle.tests"],
    `--sequence.seed=${seed}`,
  ]);
  expect(shuffled(["-t", "--shuffler"])).toEqual(["-t", "--shuffler"]);
});
