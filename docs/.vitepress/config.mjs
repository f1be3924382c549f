// The site: see scripts/docs/main.mjs, which builds it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";
import { NAVIGATION } from "./navigation.mjs";

const titleOf = page =>
  /^# (.+)$/m.exec(readFileSync(join(import.meta.dirname, "..", page), "utf8"))[1].replaceAll("`", "");
const linkOf = page => `/${page.replace(/\.md$/, "")}`;

/** GitHub's anchors, so that a link to a heading works on both. */
const slugify = text =>
  text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
    .replaceAll(" ", "-");

export default defineConfig({
  title: "Merlon",
  description: "Write a multi-stage recommender as one TypeScript expression, and serve it with Triton's protocol.",
  // No icon is requested.
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: { html: false, linkify: false, anchor: { slugify }, toc: { slugify }, headers: { slugify } },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      ...NAVIGATION.map(({ title, pages }) => ({
        text: title,
        link: linkOf(pages[0]),
        activeMatch: `^(?:${pages.map(linkOf).join("|")})(?:\\.html)?$`,
      })),
      // A page of its own, beside VitePress' ones.
      { text: "Playground", link: "/playground/index.html", target: "_self" },
    ],
    sidebar: NAVIGATION.map(({ title, pages }) => ({
      text: title,
      collapsed: false,
      items: pages.map(page => ({ text: titleOf(page), link: linkOf(page) })),
    })),
  },
});
