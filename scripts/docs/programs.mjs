// The ensembles and workflows of the documentation, each with the files that it reads and a link that opens it in the playground.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "../setup.mjs";
import { linkToExample, writeLink } from "./playground/link.mjs";

/** Page → the folder of the playground's project with the files that its programs read; `docs` for programs that read none. */
const FOLDERS = {
  "docs/explanations/nulls.md": "shop",
  "docs/guides/exposures.md": "shop",
  "docs/guides/filtering.md": "shop",
  "docs/guides/leaving-merlin.md": "artefacts",
  "docs/guides/ranking.md": "shop",
  "docs/guides/retrieval.md": "shop",
  "docs/reference/bloom-filters.md": "seen",
  "docs/reference/configuration.md": "shop",
  "docs/reference/language.md": "artefacts",
  "docs/start/own-feast.md": "shop",
};
/** Pages whose programs read models and indexes that the reader makes. */
const OF_THE_READER = new Set(["docs/start/own-index.md", "docs/start/own-models.md"]);

/** @param page path in the tree */
export const folderOf = page => FOLDERS[page] ?? "docs";

/** A Feast repository with a Bloom filter for each user, as docs/reference/bloom-filters.md reads one. */
export const SEEN = {
  project: "shop",
  timestamp: 0,
  entities: [{ name: "user_id", joinKey: "user_id", type: "INT64", description: "" }],
  views: [
    {
      name: "user_seen",
      entities: ["user_id"],
      features: [{ name: "seen_items", type: "BYTES" }],
      source: { name: "seen", path: "seen.parquet", timestampField: "time" },
      rows: { user_id: [1n], seen_items: [Buffer.from("MBF1")] },
    },
  ],
};

const PROGRAM = /^(?:<!-- around: (\S+) -->\n)?```ts\n([\s\S]*?)^```$/gm;
const SAMPLE = /\(\[tests\/samples\/([^\]]+)\]\([^)]+\)\)/g;

/** A block with the rest of its file. @param around file in tests/docs/around, with a line `// BLOCK` or `# BLOCK` */
export function wholeText(text, around) {
  if (around === undefined) return text;
  const parts = readFileSync(join(ROOT, "tests/docs/around", around), "utf8").split(/^(?:\/\/|#) BLOCK\n/m);
  if (parts.length !== 2) throw new Error(`around/${around} needs one line \`// BLOCK\``);
  return parts.join(text);
}

/** @returns `ensemble` or `workflow`; undefined for a text that is not a program */
export const kindOf = text => /^export default (ensemble|workflow)\(/m.exec(text)?.[1];

const link = fragment => `[Open in the playground](/playground/index.html#${fragment}){target="_blank" .playground}`;

/**
 * Adds a link below each program, and beside the name of each sample.
 * @param page path in the tree
 * @param text of the page, with its comments
 */
export function withPlayground(page, text) {
  const linked = text.replaceAll(PROGRAM, (block, around, part) => {
    const whole = wholeText(part, around);
    const kind = kindOf(whole);
    if (kind === undefined || OF_THE_READER.has(page)) return block;
    const file = `${folderOf(page)}/${basename(page, ".md")}.${kind}.ts`;
    return `${block}\n\n${link(writeLink({ file, text: whole }))}`;
  });
  return linked.replaceAll(SAMPLE, (sample, name) => `${sample} ${link(linkToExample(name))}`);
}
