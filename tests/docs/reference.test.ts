/** The reference has every command, every metric, and a page for each entry of the package. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands } from "#cli/commands.js";
import { apiEntries, apiPages } from "../../scripts/docs/api.mjs";
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

test("each entry of the package has a page of its API", () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { exports: object };
  const names = Object.keys(exports).filter(name => name !== "./package.json");
  expect([...apiEntries().keys()].sort()).toEqual(names.map(name => `merlon${name.slice(1)}`).sort());
  const pages = apiPages();
  for (const [name, { source, include }] of apiEntries()) {
    expect(pages.get(include), name).toMatch(/-api\.md$/);
    expect(page(pages.get(include)!), name).toContain(`\`${name}\``);
    expect(existsSync(join(ROOT, source)), source).toBe(true);
  }
});
