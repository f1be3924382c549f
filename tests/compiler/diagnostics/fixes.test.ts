// Exact corrections: names of files of others are written as text, never as code, and only where the wrong name is the author's.
import { describe, expect, test } from "vitest";
import { applyEdits, fixesOf, type Replacement, replacing, suggest } from "#compiler/diagnostics/fixes.js";
import { didYouMean, nearNames } from "#compiler/diagnostics/near-names.js";
import { editDistance } from "#contract/edit-distance.js";

/** The text after the first fix of a place that is marked by `«` and `»`; undefined without a fix. */
function fixed(marked: string, ...replacements: Replacement[]): string | undefined {
  const start = marked.indexOf("«");
  const end = marked.indexOf("»") - 1;
  const text = marked.replace(/[«»]/g, "");
  const [fix] = fixesOf(text, { start, end }, replacements);
  return fix && applyEdits(text, [fix]).text;
}

describe("a name", () => {
  test.each([
    ['a[«"prise"»]', "price", 'a["price"]'],
    ["a[«'prise'»]", "it's", "a['it\\'s']"],
    ["a[«`prise`»]", "a`${b}", "a[`a\\`\\${b}`]"],
    ['a[«"prise"»]', '"] + evil() + a["', 'a["\\"] + evil() + a[\\""]'],
    ["a[«'prise'»]", "'] + evil() + a['", "a['\\'] + evil() + a[\\'']"],
    ['a[«"prise"»]', "x\\", 'a["x\\\\"]'],
    ['a[«"prise"»]', "two\nlines", 'a["two\\nlines"]'],
    ["«prise» + b", "price", "price + b"],
    ["f({ «prise: 1» })", "price", "f({ price: 1 })"],
  ])("%s, for %j", (marked, to, after) => {
    expect(fixed(marked, { from: "prise", to })).toBe(after);
  });

  test.each([
    ["as an identifier, if it is none", "«prise» + b", "evil()"],
    ["twice at the place", 'f(«"prise", "prise"»)', "price"],
    ["inside of another name", "«surprise» + b", "price"],
    ["inside of another text", 'f(«"a/prise.onnx"»)', "price"],
    ["outside of the place", '«f»("prise")', "price"],
  ])("is not written %s", (_, marked, to) => {
    expect(fixed(marked, { from: "prise", to })).toBeUndefined();
  });
});

test("a text that is meant as a number, and a column as a property", () => {
  expect(fixed('f({ «topk: "20"» })', { unquoted: "20" })).toBe("f({ topk: 20 })");
  expect(fixed("a.«price»", { write: '["price"]', before: "." })).toBe('a["price"]');
  expect(fixed("a?«price»", { write: '["price"]', before: "." })).toBeUndefined();
});

test("a missing import is added to the one there is", () => {
  const use = "«clip»()";
  expect(fixed(`import { a } from "merlon";\n${use}`, { imported: "clip" })).toContain(
    'import { a, clip } from "merlon";',
  );
  expect(fixed(`import {\n  a,\n  b,\n} from 'merlon';\n${use}`, { imported: "clip" })).toContain("  b, clip,\n} from");
  expect(fixed(`import {} from "merlon";\n${use}`, { imported: "clip" })).toContain('import { clip} from "merlon";');
  expect(fixed(`import { a } from "other";\n${use}`, { imported: "clip" })).toBeUndefined();
});

test("of edits that overlap the first is made, and equal ones once", () => {
  const fix = (start: number, end: number, text: string) => ({ title: text, edits: [{ start, end, text }] });
  const [a, b, c, d] = [fix(0, 2, "X"), fix(1, 3, "Y"), fix(3, 4, "Z"), fix(0, 2, "X")];
  expect(applyEdits("abcd", [a, b, c, d])).toEqual({ text: "XcZ", applied: [a, c] });
});

describe("near names", () => {
  test("swapped letters are one slip", () => {
    expect(editDistance("aeg", "age")).toBe(1);
    expect(editDistance("ca", "abc")).toBe(3);
    expect(editDistance("", "ab")).toBe(2);
    expect(didYouMean("aeg", ["age", "city"])).toBe(" Did you mean `age`?");
  });

  test("a prefix of another form is taken off, and names much further away are left out", () => {
    expect(nearNames("user_features__age", ["age", "city"])).toEqual(["age"]);
    expect(nearNames("user_feature", ["user_features", "pair_features"])).toEqual(["user_features"]);
    expect(nearNames("x_", ["", "yz"])).toEqual([]);
  });

  test("a suggestion is a sentence and its replacements", () => {
    expect(`${suggest("prise", ["price"])}`).toBe(" Did you mean `price`?");
    expect(replacing(suggest("prise", ["price"]))).toEqual({ replacements: [{ from: "prise", to: "price" }] });
    expect(replacing(suggest("prise", ["other"]))).toEqual({});
    expect(replacing("text")).toEqual({});
  });
});
