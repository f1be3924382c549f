// Places in live servers after random edits that are not saved: the expected ones are computed from the authors' texts.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../needs/built.js";
import { nativeTypeScript } from "../../needs/typescripts.js";
import { type Found, type Navigator, nativeNavigator, tsserverNavigator } from "./navigator.js";
import { DEFAULT_CONFIG } from "./tsserver.js";

const CONFIG = {
  ...DEFAULT_CONFIG,
  contentMappers: [{ package: "merlon", extensions: [".merlon"] }],
  include: ["*"],
};

/** Three files that import each other; each of `NAMES` is declared once, and nothing else has its name. */
const program = (specifier: string) => ({
  shared: `import { clip, source } from "merlon";
export const shopper = source({ age: "float32", city: "string" });
export const adult = shopper["age"] >> clip({ min: 18 });
export function twice<T>(value: T): T { return value; }
`,
  main: `import { clip, logOp, workflow } from "merlon";
import { adult, shopper, twice } from "${specifier}";
const price = adult >> clip({ min: 0 }) >> logOp();
const named=twice(price)+shopper["city"];
const kept = (price + shopper["city"]) - "city";
export const offered = [named["age"] >> clip({ max: 9 }), kept];
export default workflow("w", named);
`,
  plain: `import { adult, shopper } from "${specifier}";
export const columns = [adult.columns, shopper.columns];
`,
});
type Part = keyof ReturnType<typeof program>;
const NAMES: readonly (readonly [name: string, declared: Part, hover: string])[] = [
  ["shopper", "shared", 'Node<"float32 age" | "string city"'],
  ["adult", "shared", 'Node<"float32 age"'],
  ["twice", "shared", "twice<"],
  ["price", "main", 'Node<"float32 age"'],
  ["named", "main", 'Node<"float32 age" | "string city"'],
];

/** Typed text: whole lines, space inside of one, or a line that is half typed and taken back. `at` is a part of the file's possible places. */
interface Edit {
  readonly part: Part;
  readonly kind: "operators" | "comment" | "space" | "half" | "delete";
  readonly at: number;
}
const edits = (count: number): fc.Arbitrary<readonly Edit[]> =>
  fc.array(
    fc.record({
      part: fc.constantFrom<Part>("shared", "main", "main", "plain"),
      kind: fc.constantFrom<Edit["kind"]>("operators", "operators", "comment", "space", "half", "delete"),
      at: fc.noBias(fc.nat({ max: 999 })).map(thousandths => thousandths / 1000),
    }),
    { minLength: count, maxLength: count, size: "max" },
  );

/** Columns are typed after the head of a text that has them. */
const HALF = {
  shared: 'const half = shopper["',
  main: 'const half = named["',
  plain: "const half = shopper.",
} as const;

function typed(navigator: Navigator, file: string, { part, kind, at }: Edit, index: number): void {
  const text = navigator.text(file);
  const choose = <T>(places: readonly T[]): T | undefined => places[Math.floor(at * places.length)];
  // Starts of statements and comments: a line inside of a statement begins with space.
  const starts = [...[...text.matchAll(/^(?=\S)/gm)].map(({ index }) => index), text.length];
  const operators =
    part === "plain"
      ? `const other${index} = 1;\n`
      : `const other${index} = (shopper["age"] >> clip({ min: ${index} })) + shopper["city"];\n`;
  const replace = (start: number, end: number, text: string) => navigator.edit(file, start, end, text);
  const start = choose(starts)!;
  if (kind === "operators") replace(start, start, operators);
  else if (kind === "comment") replace(start, start, `// ${["ü", "€€", "𝄞"][index % 3]} >> ["x"] + y\n`);
  else if (kind === "half") {
    replace(text.length, text.length, HALF[part]);
    replace(text.length, text.length + HALF[part].length, "");
  } else if (kind === "space") {
    const space = choose([...text.matchAll(/ (?=>>|\+ )|(?<=[(=,]) /g)]);
    if (space) replace(space.index, space.index + 1, index % 2 ? "  " : "\n   ");
  } else {
    const line = choose([...text.matchAll(/const other\d+ =[^;]*;\n|\/\/ .*\n/g)]);
    if (line) replace(line.index, line.index + line[0].length, "");
  }
}

const key = ({ file, start, end }: Found): string => `${file}:${start}-${end}`;
const sorted = (found: readonly Found[]): string[] => [...new Set(found.map(key))].toSorted();

describe.each([
  ["tsserver, .workflow.ts", () => tsserverNavigator(CONFIG), ".workflow.ts", ".workflow.js", false],
  ["tsserver, .merlon", () => tsserverNavigator(CONFIG), ".merlon", ".merlon", false],
  [
    "TypeScript 7.1, .merlon",
    () => nativeNavigator(nativeTypeScript("typescript-7.1"), CONFIG),
    ".merlon",
    ".merlon",
    true,
  ],
] as const)("%s", (_, start, extension, specifier, native) => {
  const texts = program(`./shared${specifier}`);
  const files = { shared: `shared${extension}`, main: `main${extension}`, plain: "plain.ts" } as const;
  let navigator: Navigator;
  beforeAll(async () => {
    navigator = await start();
  });
  afterAll(() => navigator.close());

  const occurrences = (name: string): Found[] =>
    Object.values(files).flatMap(file =>
      [...navigator.text(file).matchAll(new RegExp(`\\b${name}\\b`, "g"))].map(({ index }) => ({
        file,
        start: index,
        end: index + name.length,
      })),
    );

  async function everyPlace(): Promise<void> {
    for (const [name, part, shows] of NAMES) {
      const all = occurrences(name);
      const at = new RegExp(`(?<=(?:const|function) )${name}\\b`).exec(navigator.text(files[part]))!.index;
      const declared = sorted([{ file: files[part], start: at, end: at + name.length }]);
      for (const [index, { file, start, end }] of all.entries()) {
        // The start, the end and the middle of a name are in it.
        const inside = [start, end, start + 2][index % 3]!;
        const where = `${name} at ${start} of ${file}\n${navigator.text(file)}`;
        expect(sorted(await navigator.find("definition", file, inside)), where).toEqual(declared);
        if (index > 3) continue;
        expect(sorted(await navigator.find("implementation", file, inside)), where).toEqual(declared);
        const { text, range } = await navigator.hover(file, inside);
        expect(text, where).toContain(shows);
        if (range) expect(key(range), where).toBe(key({ file, start, end }));
      }
      const { file, start } = all.at(-1)!;
      expect(sorted(await navigator.find("references", file, start))).toEqual(sorted(all));
      // TypeScript 7.1 renames an import as a name of its file alone.
      const [named, offset] = native ? [files[part], at] : [file, start];
      expect(sorted(await navigator.find("rename", named, offset))).toEqual(sorted(all));
    }
    const main = navigator.text(files.main);
    const names = await navigator.completion(files.main, main.indexOf('named["') + 'named["'.length);
    expect(names).toEqual(expect.arrayContaining(["age", "city"]));
  }

  test.each([
    [0, 1],
    [1, 3],
    [5, 2],
    [50, 2],
  ])("after %i edits, %i times", { timeout: 300_000 }, async (count, runs) => {
    await fc.assert(
      fc.asyncProperty(edits(count), async made => {
        for (const [part, file] of Object.entries(files)) navigator.open(file, texts[part as Part]);
        for (const [index, edit] of made.entries()) typed(navigator, files[edit.part], edit, index);
        await everyPlace();
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });
});
