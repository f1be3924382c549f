/** Links of the Markdown files, as GitHub shows them: each leads to a file of the tree, and to a heading of it. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { expect, test } from "vitest";
import { linksOf } from "../../scripts/docs/stage.mjs";
import { ROOT } from "../run/graph.mjs";
import { PAGES } from "./blocks.js";

/** GitHub's anchor of a heading; a second heading of the same text gets `-1`. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = text.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) => {
      const plain = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
      const anchor = plain
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
        .replaceAll(" ", "-");
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      return count === 0 ? anchor : `${anchor}-${count}`;
    }),
  );
}

/** @returns the links of a page that lead nowhere */
function deadLinks(page: string, text: string): string[] {
  return linksOf(text).flatMap(([to, anchor]) => {
    const path = to === "" ? page : posix.normalize(posix.join(dirname(page), to!));
    if (!existsSync(join(ROOT, path))) return [`${page}: ${to}`];
    // GitHub takes the anchor of a picture for a color scheme.
    if (anchor === undefined || !path.endsWith(".md")) return [];
    const target = to === "" ? text : readFileSync(join(ROOT, path), "utf8");
    return anchorsOf(target).has(anchor) ? [] : [`${page}: ${to}#${anchor}`];
  });
}

/** The pages, and the Markdown files of the tree that they link to. */
function reached(): ReadonlySet<string> {
  const all = new Set(PAGES);
  for (const page of all)
    for (const [to] of linksOf(readFileSync(join(ROOT, page), "utf8"))) {
      const path = posix.normalize(posix.join(dirname(page), to!));
      if (path.endsWith(".md") && existsSync(join(ROOT, path))) all.add(path);
    }
  return all;
}

test.each([...reached()])("%s", page => {
  expect(deadLinks(page, readFileSync(join(ROOT, page), "utf8"))).toEqual([]);
});

test("links that lead nowhere are found", () => {
  const text = "# One `two`\n\n[a](#one-two) [b](#three) [c](gone.md) [d](README.md#nothing) `[e](code.md)`\n";
  expect(deadLinks("README.md", text)).toEqual([
    "README.md: #three",
    "README.md: gone.md",
    "README.md: README.md#nothing",
  ]);
});
