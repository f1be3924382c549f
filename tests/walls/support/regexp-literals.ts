/** The regular expressions in the product's sources, and inputs that reveal super-linear cost. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import ts from "typescript";

export interface Literal {
  /** `runtime/base/errors.ts:12` */
  readonly at: string;
  readonly source: string;
  readonly flags: string;
}

export function literalsIn(root: string, folders: readonly string[]): Literal[] {
  const files = folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter(file => file.endsWith(".ts") && !/\.(?:d|test)\.ts$/.test(file))
      .map(file => `${folder}/${file}`),
  );
  return files.sort().flatMap(file => {
    const parsed = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true);
    const found: Literal[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const [, source, flags] = /^\/(.*)\/([a-z]*)$/s.exec(node.text)!;
        const { line } = parsed.getLineAndCharacterOfPosition(node.getStart());
        found.push({ at: `${file}:${line + 1}`, source: source!, flags: flags! });
      }
      ts.forEachChild(node, visit);
    };
    visit(parsed);
    return found;
  });
}

const CHARACTERS = [..." \t\n\r\"'`\\/.:;,=+-_$%#@!?&|<>()[]{}09aAzZeExf"];
const LENGTH = 4096;
/** A linear pass over the length takes less. */
const SUSPICIOUS_MS = 0.4;
/** A text that is four times as long takes a linear pattern four times as long, and a quadratic one sixteen times. */
const GROWTH = 8;
/** Alternated runs of each length, of which the least counts: the same work takes up to three times as long at another moment. */
const ROUNDS = 6;

/** Placeholders of escaped characters while the pattern is cut at those with a meaning. */
const ESCAPED = 0xe000;

/** Texts of the pattern itself: the text before a repetition must match for it to be tried. */
const wordsOf = (source: string): string[] => [
  ...new Set(
    source
      .replace(/\\([^a-zA-Z0-9])/g, (_, character: string) => String.fromCharCode(ESCAPED + character.charCodeAt(0)))
      .replace(/\\[sd]/g, space => (space === "\\s" ? " " : "0"))
      .split(/\[[^\]]*\]|[()^$|*+?{}]|\\\w/)
      .map(word => word.replace(/[\ue000-\ue07f]/g, one => String.fromCharCode(one.charCodeAt(0) - ESCAPED)))
      .filter(word => word.length > 1 && word.length < 40),
  ),
];

const milliseconds = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};

/** @returns the repeated text on which the pattern takes super-linear time, or undefined if none was found */
export function findPump({ source, flags }: Pick<Literal, "source" | "flags">): string | undefined {
  const words = wordsOf(source);
  const script = new Script(
    flags.includes("g")
      ? "text => { text.replace(pattern, ''); }"
      : "text => { pattern.lastIndex = 0; pattern.exec(text); }",
  );
  const scope = globalThis as { pattern?: RegExp };
  scope.pattern = new RegExp(source, flags);
  const run = script.runInThisContext() as (text: string) => void;
  try {
    for (const pump of [...CHARACTERS, ...words, ...words.flatMap(word => [`${word}0`, `${word} `]), '\\"', "0\n"])
      for (const prefix of ["", ...words])
        for (const suffix of ["\u0001", "\n\u0001"]) {
          const timeOf = (length: number): number => {
            const text = prefix + pump.repeat(length / pump.length) + suffix;
            return milliseconds(() => run(text));
          };
          if (timeOf(LENGTH) < SUSPICIOUS_MS) continue;
          // The pattern is compiled by now, and no collection falls into all.
          let [short, long] = [Infinity, Infinity];
          for (let round = 0; round < ROUNDS; round++) {
            short = Math.min(short, timeOf(LENGTH));
            long = Math.min(long, timeOf(4 * LENGTH));
          }
          if (short > SUSPICIOUS_MS / 2 && long > GROWTH * short) return `${prefix}(${pump})*`;
        }
    return undefined;
  } finally {
    delete scope.pattern;
  }
}
