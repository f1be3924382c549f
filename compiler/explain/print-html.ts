/**
 * Explanation → one HTML file that needs nothing else: the drawn plan, its data, its style and its scripts.
 */
import { readFileSync } from "node:fs";
import { plural } from "../../operators/shared/spec/describe.js";
import type { Explanation } from "./explanation.js";
import { layOutBoth } from "./layout.js";
import { STYLE } from "./style.js";
import { drawPicture, escapeMarkup } from "./svg.js";

/** Each is a module of its own; they talk through the document. */
const SCRIPTS = ["lineage", "panel", "search", "mini-map", "viewport", "detail", "theme"] as const;

export function printHtml(explanation: Explanation): string {
  const { kind, name, origin, steps, saved } = explanation;
  const scripts = SCRIPTS.map(script => readFileSync(new URL(`./page/${script}.js`, import.meta.url), "utf8"));
  const facts = [
    plural(steps.length, "step"),
    explanation.passes && `saved: ${plural(saved.steps, "step")}, ${plural(saved.columns, "column")}`,
    origin,
  ].filter(Boolean);
  const [picture, other] = layOutBoth(explanation);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${escapeMarkup(`${kind} ${name}`)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeMarkup(`${kind} ${name}`)}</h1><span class="facts" title="${escapeMarkup(origin)}">${escapeMarkup(facts.join(" · "))}</span>
<span class="tools"><span id="found" role="status"></span><input id="search" type="search" placeholder="Search  /" aria-label="Search steps and columns"><button id="detail" aria-pressed="${picture.detail === "columns"}" title="Show columns on the cards (c)">Columns</button><button id="zoom-out" aria-label="Zoom out (−)">−</button><button id="zoom-in" aria-label="Zoom in (+)">+</button><button id="fit" title="Show everything (0)">Fit</button><button id="theme" title="Light or dark (t)">Theme</button></span>
</header>
<main id="canvas" tabindex="0" aria-label="Graph: arrows move it, plus and minus zoom, 0 shows all">${drawPicture(picture)}</main>
<template id="other">${drawPicture(other)}</template>
<aside id="panel" aria-live="polite"></aside>
<script type="application/json" id="explanation">${json(explanation)}</script>
${scripts.map(script => `<script type="module">\n${script}</script>`).join("\n")}
</body>
</html>
`;
}

/** JSON for a script element: nothing in it can close the element. */
const json = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");
