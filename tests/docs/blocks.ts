/**
 * The fenced blocks of the documentation, and the comments above them that say how a test uses them. A comment is invisible where the page is read:
 *
 * - `<!-- not run: REASON -->`: it cannot run here.
 * - `<!-- around: NAME -->`: a part of the file `around/NAME`, in the place of its line `// BLOCK` or `# BLOCK`.
 * - `<!-- meanwhile: COMMAND -->`: another user's command while the last server of the block runs.
 * - `<!-- file: NAME -->`: a file of the page's project, which later commands of the page read.
 * - `<!-- by: lab -->`: `own-models.test.ts` runs it, with the lab's Python.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { wholeText as withAround } from "../../scripts/docs/programs.mjs";
import { ROOT } from "../run/graph.mjs";

export interface Block {
  readonly page: string;
  /** The number of its first line of text, from 1. */
  readonly line: number;
  /** The word after the fence; `text` where there is none. */
  readonly language: string;
  readonly text: string;
  readonly notRun: string | undefined;
  readonly around: string | undefined;
  readonly meanwhile: string | undefined;
  readonly file: string | undefined;
  readonly by: string | undefined;
  /** The samples that a generated block is made from: the link below it. */
  readonly sample: string | undefined;
}

/** Every page whose blocks run, relative to the tree. */
export const PAGES: readonly string[] = [
  "README.md",
  "SECURITY.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter(path => path.endsWith(".md") && !path.startsWith(".vitepress"))
    .map(path => `docs/${path}`)
    .sort(),
];

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;
const COMMENT = /<!-- (not run|around|meanwhile|file|by): (.+?) -->\n$/;
const SAMPLE = /^\n\n\(\[(tests\/samples\/[^\]]+)\]/;

/** @returns the page's blocks in order @throws Error for a fence without an end, or a comment that is above no block */
export function blocksOf(page: string): readonly Block[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  if ((text.match(/^ *```/gm)?.length ?? 0) % 2 !== 0) throw new Error(`${page} has a fence without an end`);
  const blocks = [...text.matchAll(FENCE)].map(found => {
    const notes = notesAbove(text.slice(0, found.index));
    return {
      page,
      line: text.slice(0, found.index).split("\n").length + 1,
      language: found[1] || "text",
      text: found[2]!,
      notRun: notes["not run"],
      around: notes.around,
      meanwhile: notes.meanwhile,
      file: notes.file,
      by: notes.by,
      sample: SAMPLE.exec(text.slice(found.index + found[0].length))?.[1],
    };
  });
  const used = blocks.reduce(
    (sum, { notRun, around, meanwhile, file, by }) =>
      sum + [notRun, around, meanwhile, file, by].filter(note => note !== undefined).length,
    0,
  );
  if ((text.match(/<!-- (?:not run|around|meanwhile|file|by): /g)?.length ?? 0) !== used)
    throw new Error(`${page} has a comment for a test that is not directly above a block`);
  return blocks;
}

/** The comments directly above a block, by their kind. */
function notesAbove(text: string): Readonly<Record<string, string | undefined>> {
  const notes: Record<string, string> = {};
  for (let rest = text; ; ) {
    const found = COMMENT.exec(rest);
    if (!found) return notes;
    notes[found[1]!] = found[2]!;
    rest = rest.slice(0, found.index);
  }
}

/** The block as a whole file: itself, or with the parts that its page omits. */
export const wholeText = ({ text, around }: Block): string => withAround(text, around);

export const placeOf = ({ page, line }: Block): string => `${page}:${line}`;
