// Each row of the table is one mistake in a program that is right but for it. messages.txt holds what a terminal shows of each.
// Each is one message, which names the fix. `UPDATE=1` rewrites the file.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { applyEdits } from "#compiler/diagnostics/fixes.js";
import { compile, printDiagnostics } from "#compiler/index.js";
import { PROGRAMS, type ProgramName } from "./programs.js";
import { MISTAKES, type Mistake } from "./table.js";

const ROOT = resolve(import.meta.dirname, "..", "..");
const GOLDEN = join(import.meta.dirname, "messages.txt");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-mistakes-"));
  // Messages name files from where the command runs: here in the project, wherever the tests run.
  vi.spyOn(process, "cwd").mockReturnValue(folder);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules", "merlon"));
  cpSync(join(ROOT, "tests", "samples", "artefacts"), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  // The tower as if it had been trained for Euclidean distances: a message of protobuf ends where its last field does.
  const tower = readFileSync(join(folder, "models", "query_tower.onnx"));
  writeFileSync(join(folder, "models", "l2_tower.onnx"), Buffer.concat([tower, metadata("merlon.similarity", "l2")]));
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** One entry of `ModelProto.metadata_props`, whose texts are short. */
function metadata(key: string, value: string): Buffer {
  const field = (number: number, bytes: Buffer) => Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
  return field(14, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]));
}

function wrongText({ program, changes }: Mistake): string {
  let text: string = PROGRAMS[program];
  for (const [right, wrong] of changes) {
    if (!text.includes(right)) throw new Error(`${program} has no ${right}`);
    text = text.replace(right, () => wrong);
  }
  return text;
}

async function check(program: ProgramName, text: string) {
  const file = join(folder, program);
  writeFileSync(file, text);
  const { diagnostics } = await compile(file);
  return { diagnostics, printed: printDiagnostics(diagnostics, { folder, color: false }).replaceAll(folder, ".") };
}

test.each(Object.keys(PROGRAMS) as ProgramName[])("%s, as it is meant, has none", async program => {
  expect((await check(program, PROGRAMS[program])).printed).toBe("");
});

test("messages.txt has them all", { timeout: 600_000 }, async () => {
  expect(new Set(MISTAKES.map(({ what }) => what)).size).toBe(MISTAKES.length);
  const printed: string[] = [];
  // One after the other: they are written to the same files.
  for (const mistake of MISTAKES) {
    const wrong = wrongText(mistake);
    const { diagnostics, printed: message } = await check(mistake.program, wrong);
    expect(diagnostics, mistake.what).toHaveLength(1);
    expect(message).not.toMatch(/\$(chain|plus|minus|pick|list|lambda)\b/);
    if (mistake.isFixed)
      expect(applyEdits(wrong, diagnostics[0]!.fixes!.slice(0, 1)).text).toBe(PROGRAMS[mistake.program]);
    printed.push(`# ${mistake.what}\n\n${message}`);
  }
  const all = printed.sort().join("\n");
  if (process.env.UPDATE) writeFileSync(GOLDEN, all);
  expect(all).toBe(readFileSync(GOLDEN, "utf8"));
});
