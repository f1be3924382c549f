import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { toSource, toSourceRange, toTarget } from "#compiler/1-rewrite/spans.js";

const body = (text: string) => rewrite(text, "x.ensemble.ts").text.split("\nimport { $")[0]!;

describe("operators become calls around verbatim operands", () => {
  test.each([
    ["a >> b", "$chain(a , b, 0)"],
    ["a >> b >> c", "$chain($chain(a , b, 1) , c, 0)"],
    ["a + b >> c", "$chain($plus(a , b, 1) , c, 0)"],
    ["a - 'x'", "$minus(a , 'x', 0)"],
    ["a['x']", "$pick(a,'x', 0)"],
    ["a[['x', 'y']]", "$pick(a,['x', 'y'], 0)"],
    ["a['x', 'y']", "$pick(a,['x', 'y'], 0)"],
    ["a['x", "$pick(a,'x, 0)"],
    ["a.pipe(b)", "a.pipe(b, 0)"],
    ["a.pipe(b >> c)", "a.pipe($chain(b , c, 1), 0)"],
    ["(a >> /* why */ b)", "($chain(a , /* why */ b, 0))"],
  ])("%s", (source, target) => expect(body(source)).toBe(target));

  test.each([
    "const n = 1 + 2",
    "const s = 'a' + name",
    "const t = `${a}` + b",
    "row[0]",
    "row[i]",
    "row['x'] = 1",
    "delete row['x']",
    "row?.['x']",
    "f<A<B>>(x)",
    "type T = A<B<C>>",
    "x -= 1",
  ])("plain JavaScript stays: %s", source => expect(rewrite(source, "x.ensemble.ts").text).toBe(source));
});

describe("what has no meaning is said at its place", () => {
  test.each([
    ['["a"] >> op()', "rewrite/list-without-source", '["a"]'],
    ["const a = source({}); const b = source({}); ['x'] >> op()", "rewrite/list-ambiguous", "['x']"],
    ["let a = b; a >>= op()", "rewrite/compound-assignment", ">>="],
    ["const a = b\n['x'] >> op()", "rewrite/bracket-on-new-line", "['x']"],
  ])("%s", (text, code, marked) => {
    const [finding] = rewrite(text, "x.ensemble.ts").findings;
    expect(finding?.code).toBe(code);
    expect(text.slice(finding!.site.start, finding!.site.end)).toBe(marked);
  });
});

describe("spans", () => {
  const samples = join(import.meta.dirname, "../../samples");
  const files = readdirSync(samples, { recursive: true, encoding: "utf8" }).filter(f => f.endsWith(".ts"));

  test.each(files)("every kept character of %s maps there and back", file => {
    const text = readFileSync(join(samples, file), "utf8");
    const { text: out, spans } = rewrite(text, file);
    let end = 0;
    for (const span of spans) {
      expect(span.source).toBeGreaterThanOrEqual(end);
      end = span.source + span.length;
      expect(out.slice(span.target, span.target + span.length)).toBe(text.slice(span.source, end));
    }
    for (let i = 0; i < text.length; i++) {
      const target = toTarget(spans, i);
      if (target !== undefined) expect(toSource(spans, target)).toBe(i);
    }
  });

  test("random token edits never crash the rewriter, and ranges stay inside the file", () => {
    const tokens = files.flatMap(f =>
      readFileSync(join(samples, f), "utf8")
        .match(/\w+|\s+|[^\w\s]/g)!
        .slice(0, 200)
        .join("\u0000")
        .split("\u0000"),
    );
    const edits = fc.array(
      fc.record({
        at: fc.nat(400),
        drop: fc.nat(3),
        put: fc.constantFrom(">>", "+", "-", "[", "]", "(", ")", '"x"', ",", "=>", "`", "a", "\n"),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(edits, list => {
        const words = tokens.slice(0, 400);
        for (const { at, drop, put } of list) words.splice(at, drop, put);
        const text = words.join("");
        const { text: out, spans, findings } = rewrite(text, "x.ensemble.ts");
        for (const { site } of findings)
          expect(site.start >= 0 && site.end <= text.length && site.start <= site.end).toBe(true);
        const range = toSourceRange(spans, { start: 0, end: out.length });
        if (range) expect(range.start >= 0 && range.end <= text.length).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
