/** Tables of the reference that people write: they have every command and every metric. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands } from "#cli/commands.js";
import { ROOT } from "../run/graph.mjs";

const page = (name: string): string => readFileSync(join(ROOT, "docs", "reference", name), "utf8");

test("the command line has a row for each command", () => {
  const rows = [...page("cli.md").matchAll(/^\| `merlon ([a-z]+)/gm)].map(([, name]) => name!);
  expect([...new Set(rows)].sort()).toEqual(
    commands()
      .map(command => command.name())
      .sort(),
  );
});

test("the metrics are those that the server prints", () => {
  const observe = join(ROOT, "runtime", "server", "observe");
  const sources = readdirSync(observe).filter(name => /^metrics.*\.ts$/.test(name) && !name.endsWith(".test.ts"));
  const printed = sources.flatMap(name => [
    ...readFileSync(join(observe, name), "utf8").matchAll(/["`]((?:nv|merlon)_[a-z_]+[a-z])["` {]/g),
  ]);
  expect(printed.length).toBeGreaterThan(20);
  const text = page("metrics.md");
  for (const [, name] of printed) expect(text).toContain(`\`${name}\``);
});
