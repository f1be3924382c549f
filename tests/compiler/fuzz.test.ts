// Random token edits of the samples: never a crash, every span inside the file, every message about something that is there.
// `npm run fuzz:compiler` makes 10,000; `FUZZ=n SEED=s` choose. Each is compiled by the whole compiler.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ts } from "ts-morph";
import { afterAll, expect, test } from "vitest";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { toSourceRange } from "#compiler/1-rewrite/spans.js";
import { compile } from "#compiler/index.js";

const RUNS = Number(process.env.FUZZ ?? 40);
const SEED = Number(process.env.SEED ?? 20_230_801);
const SAMPLES = join(import.meta.dirname, "..", "samples");
const folder = mkdtempSync(join(tmpdir(), "merlon-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
symlinkSync(join(SAMPLES, "artefacts"), join(folder, "artefacts"));

const programs = readdirSync(SAMPLES)
  // Loops without an end take their time-out's time.
  .filter(name => !["artefacts", "error-timeout", "error-loop"].includes(name))
  .flatMap(name => {
    const file = readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."));
    return file ? [{ file, text: readFileSync(join(SAMPLES, name, file), "utf8") }] : [];
  });

/** Token texts with the blanks before each. */
function tokensOf(text: string): string[] {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false, ts.LanguageVariant.Standard, text);
  const tokens: string[] = [];
  for (let at = 0; scanner.scan() !== ts.SyntaxKind.EndOfFileToken; ) {
    tokens.push(text.slice(at, scanner.getTokenEnd()));
    at = scanner.getTokenEnd();
  }
  return tokens;
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pool = [...new Set(programs.flatMap(({ text }) => tokensOf(text)))];

function edit(text: string, random: () => number): string {
  const tokens = tokensOf(text);
  const any = (below: number) => Math.floor(random() * below);
  for (let n = 1 + any(3); n > 0 && tokens.length > 1; n--) {
    const at = any(tokens.length);
    const kind = any(5);
    if (kind === 0) tokens.splice(at, 1);
    else if (kind === 1) tokens.splice(at, 0, pool[any(pool.length)]!);
    else if (kind === 2) tokens[at] = pool[any(pool.length)]!;
    else if (kind === 3) tokens.splice(at, 0, tokens[at]!);
    else {
      const other = any(tokens.length);
      [tokens[at], tokens[other]] = [tokens[other]!, tokens[at]!];
    }
  }
  return tokens.join("");
}

const GLUE = /\$(chain|plus|minus|pick|list|lambda)\b/;
/** An empty name; a code span between double backticks contains some of its own. */
const isEmpty = (words: string): boolean => /\[object Object\]|``/.test(words.replace(/`` .*? ``/g, ""));

test(`${RUNS} edits`, async () => {
  const random = generator(SEED);
  const seen = { compiled: 0, refused: 0, codes: new Set<string>() };
  const wrong: string[] = [];
  for (let run = 0; run < RUNS; run++) {
    const { file, text: original } = programs[Math.floor(random() * programs.length)]!;
    const text = edit(original, random);
    const fail = (why: string) => wrong.push(`run ${run} of seed ${SEED}, ${file}: ${why}\n${text}`);
    const inside = (start: number, end: number, what: string) => {
      if (!(start >= 0 && start <= end && end <= Math.max(1, text.length))) fail(`${what} ${start}…${end} is outside`);
    };
    try {
      const { spans, sites, findings, text: out } = rewrite(text, file);
      for (const site of sites)
        for (const part of ["whole", "left", "right"] as const) inside(site[part].start, site[part].end, part);
      for (const { site } of findings) inside(site.start, site.end, "finding");
      for (const { source, target, length } of spans) {
        if (text.slice(source, source + length) !== out.slice(target, target + length)) fail("a span is not verbatim");
        const back = toSourceRange(spans, { start: target, end: target + length });
        if (back) inside(back.start, back.end, "mapped span");
      }
      const here = join(folder, String(run));
      mkdirSync(here);
      writeFileSync(join(here, file), text);
      const compiled = await compile(join(here, file), { timeoutSeconds: 5 });
      rmSync(here, { recursive: true });
      compiled.ok ? seen.compiled++ : seen.refused++;
      if (!compiled.ok && !compiled.diagnostics.some(d => d.severity === "error")) fail("refused without a reason");
      for (const { code, site, line, column, message, help } of compiled.diagnostics) {
        seen.codes.add(code);
        if (site.file === join(here, file)) inside(site.start, site.end, code);
        if (line < 1 || column < 1) fail(`${code} at ${line}:${column}`);
        if (GLUE.test(message) && !GLUE.test(text)) fail(`${code} names the rewriter's glue: ${message}`);
        if (isEmpty(`${message} ${help}`)) fail(`${code} names nothing: ${message} ${help}`);
        const [, meant] = /Did you mean `([^`]+)`/.exec(message) ?? [];
        if (code === "schema/column-missing" && meant && !text.includes(meant) && !/Upstream has/.test(message))
          fail(`${code} suggests what is not there: ${message}`);
      }
    } catch (error) {
      fail(`crashed: ${(error as Error).stack}`);
    }
  }
  process.stdout.write(
    `${RUNS} edits (seed ${SEED}): ${seen.compiled} compiled, ${seen.refused} refused with ${seen.codes.size} codes; ${wrong.length} faults\n`,
  );
  expect(wrong.slice(0, 5)).toEqual([]);
}, 7_200_000);

// Edits that once crashed the compiler, and its present message.
test.each([
  ["a hole among names", 'events.pick(["a",, "b"]).pipe(clip({ min: 0 }))', "graph/names"],
  ["a function for a dtype", "source({ a: clip } as never).pipe(clip({ min: 0 }))", "option/not-data"],
  ["a function for the columns", "source(clip as never).pipe(clip({ min: 0 }))", "graph/source-columns"],
  ["a function for a schema's path", "source.fromSchema(clip as never).pipe(clip({ min: 0 }))", "option/not-data"],
  ["a function for a subgraph's name", "subgraph(clip as never, events.pipe(clip({ min: 0 })))", "option/not-data"],
])("%s", async (_, output, code) => {
  const file = join(folder, "found.workflow.ts");
  writeFileSync(
    file,
    `import { clip, source, subgraph, workflow } from "merlon";
const events = source({ a: "float32", b: "float32" });
export default workflow("found", ${output});
`,
  );
  const compiled = await compile(file);
  expect(compiled.ok ? [] : compiled.diagnostics.map(d => d.code)).toContain(code);
});
