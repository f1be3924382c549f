/** `npm run demo`: three customers and a batch are answered, and a second run does nothing twice. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import "../../needs/built.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const demo = (...args: string[]) =>
  spawnSync(process.execPath, ["scripts/demo.mjs", ...args], { cwd: root, encoding: "utf8" });

describe("npm run demo", () => {
  let first: ReturnType<typeof demo>;
  beforeAll(() => {
    first = demo();
  }, 300_000);

  it("shows ten products for each of three customers, the batch, and the time of each step", () => {
    const { status, stdout, stderr } = first;
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout.match(/^Customer \d+$/gm)).toHaveLength(3);
    expect(stdout.match(/^ {2}bought before: \S/gm)).toHaveLength(3);
    // Rank, product, name, brand, price, score.
    expect(stdout.match(/^ {2,3}\d+ +\d{7,8} {2}\S.*? \d+\.\d\d {2}[01]\.\d{3}$/gm)).toHaveLength(30);
    expect(stdout).toContain("✔ the same answers as one by one");
    expect(stdout).toMatch(/^ {2}retrieval\.queryFaiss +\d+\.\d\d +\d+\.\d\d$/m);
    expect(stdout.includes("\x1b")).toBe(false);
  });

  it("does not repeat what is up to date", () => {
    const { stdout } = demo();
    expect(stdout.match(/up to date$/gm)).toHaveLength(11);
  }, 300_000);

  it("explains itself", () => {
    expect(demo("--help").stdout).toContain("npm run demo -- --serve");
    expect(demo("--wrong")).toMatchObject({ status: 1 });
  });
});
