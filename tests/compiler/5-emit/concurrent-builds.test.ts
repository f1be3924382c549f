/**
 * Builds of several programs into one repository, some of them of the same program, with kills, while other processes make folders there. The
 * models of a program are of one build at all times that a server uses; nothing of others is lost.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { unfinishedExchange } from "#formats/folders/exchange-models.js";
import { marksOf } from "#runtime/server/models/swap-group.js";
import { builtUrl } from "../../needs/built.js";

const CHILD = fileURLToPath(new URL("build-forever.mjs", import.meta.url));
const ROUNDS = Number(process.env.ROUNDS ?? 5);

/** Contents of a program's models in one poll; undefined if the repository changes meanwhile. */
async function polled(repository: string, name: string): Promise<readonly string[] | undefined> {
  const before = await marksOf([repository]);
  if (unfinishedExchange(repository)) return undefined;
  try {
    const found = [name, `${name}_left`, `${name}_right`]
      .map(model => join(repository, model, "1", "number"))
      .filter(file => existsSync(file))
      .map(file => readFileSync(file, "utf8"));
    return before === (await marksOf([repository])) ? found : undefined;
  } catch {
    return undefined;
  }
}

test.each([
  ["with coreutils that exchange folders, where there are such", process.env.PATH],
  ["without", "/nowhere"],
])("all models of all builds are whole, and nothing of others is lost: %s", { timeout: 240_000 }, async (_, PATH) => {
  const parent = mkdtempSync(join(tmpdir(), "merlon-builds-"));
  const repository = join(parent, "repository");
  const programs = ["one", "one", "two"];
  const ended = new Map<string, number>();
  const start = (name: string): ChildProcess => {
    const child = spawn(process.execPath, [CHILD, builtUrl("."), repository, name], {
      env: { PATH },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let [text, last] = ["", 0];
    child.stdout!.on("data", (piece: Buffer) => {
      text += piece.toString();
      last = Number(text.trimEnd().split("\n").at(-1));
      ended.set(`${name} ${child.pid}`, last);
    });
    return child;
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null) throw new Error(`a build failed: ${child.exitCode}`);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  const hasEnded = (name: string, { pid }: ChildProcess): Promise<void> =>
    vi.waitFor(() => expect(ended.get(`${name} ${pid}`)).toBeGreaterThan(0), { timeout: 60_000, interval: 5 });
  const killed: ChildProcess[] = [];
  let seen = 0;
  const check = async (name: string): Promise<void> => {
    const found = await polled(repository, name);
    if (!found || found.length === 0) return;
    seen++;
    const number = Number(found[0]!.split(" ")[1]);
    expect(found, name).toEqual(Array.from({ length: number % 2 ? 3 : 2 }, () => found[0]));
  };
  const builds = (): number => [...ended.values()].reduce((sum, count) => sum + count, 0);
  const children = programs.map(start);
  try {
    for (const [i, child] of children.entries()) await hasEnded(programs[i]!, child);
    for (let round = 0; round < ROUNDS; round++) {
      mkdirSync(join(repository, `theirs${round}`, "1"), { recursive: true });
      writeFileSync(join(repository, `theirs${round}`, "config.pbtxt"), `${round}`);
      for (const end = builds() + 3; builds() < end; ) await Promise.all(["one", "two"].map(check));
      const one = round % programs.length;
      await kill(children[one]!);
      killed.push(children[one]!);
      // The next one takes over what the dead one left.
      children[one] = start(programs[one]!);
      await hasEnded(programs[one]!, children[one]);
    }
  } finally {
    await Promise.all(children.map(kill));
    killed.push(...children);
  }
  expect(seen).toBeGreaterThan(0);
  const last = start("one");
  await hasEnded("one", last);
  const left = readdirSync(parent).filter(name => killed.some(({ pid }) => name.includes(`.${pid}.`)));
  await kill(last);
  expect(left).toEqual([]);
  for (let round = 0; round < ROUNDS; round++)
    expect(readFileSync(join(repository, `theirs${round}`, "config.pbtxt"), "utf8")).toBe(`${round}`);
});
