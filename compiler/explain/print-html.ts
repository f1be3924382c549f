/**
 * Explanation → one HTML file that needs nothing else: the drawn plan, its data, its style and its scripts.
 */

import { readFileSync } from "node:fs";
import { plural } from "../../operators/shared/spec/describe.js";
import type { Explanation } from "./explanation.js";
import { GRAPH_STYLE } from "./graph-style.js";
import { layOutBoth } from "./layout.js";
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

/** The style of the page of `merlon explain`. */
const STYLE = `${GRAPH_STYLE}
body { height: 100vh; display: grid; grid-template: auto 1fr / minmax(0, 1fr) 340px; }
header { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; padding: 10px 16px; border-bottom: 1px solid var(--line); background: var(--card); }
h1 { font-size: 16px; margin: 0; } h2 { font-size: 14px; margin: 16px 0 4px; } h2:first-child { margin-top: 0; }
header .facts, #found { color: var(--soft); } header .facts { flex: 1 1 240px; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
header .tools { margin-left: auto; display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
#search { width: 200px; } #found { min-width: 5em; }
aside { border-left: 1px solid var(--line); background: var(--card); padding: 16px; overflow: auto; overflow-wrap: anywhere; }
aside p { margin: 4px 0; } aside ul { margin: 4px 0; padding-left: 18px; } aside .soft, aside dt { color: var(--soft); }
aside dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 4px 0; } aside dd { margin: 0; }
aside code { font-family: var(--mono); font-size: 12px; }
aside button { padding: 0 4px; border: 0; background: none; color: var(--up); text-align: left; font-family: var(--mono); font-size: 12px; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; font-size: 12px; }
.column.hit rect { fill: var(--hit); } .card.hit > .frame { stroke: var(--found); stroke-width: 2.5; }
.tracing .card, .tracing .edge { opacity: .25; } .tracing .card.up, .tracing .card.down, .tracing .edge.up, .tracing .edge.down { opacity: 1; }
.tracing .column text { opacity: .35; } .tracing .column.up text, .tracing .column.down text { opacity: 1; }
.column.up rect { fill: color-mix(in srgb, var(--up) 22%, transparent); } .column.down rect { fill: color-mix(in srgb, var(--down) 22%, transparent); }
.column.up.down rect { fill: color-mix(in srgb, var(--focus) 32%, transparent); }
.edge.up { stroke: var(--up); stroke-width: 2.4; } .edge.down { stroke: var(--down); stroke-width: 2.4; }
@media (max-width: 760px) { body { grid-template: auto 1fr 34vh / minmax(0, 1fr); } aside { border-left: 0; border-top: 1px solid var(--line); } header .tools { margin-left: 0; } #search { width: 100%; } #found:empty { display: none; } }
@media (prefers-reduced-motion: no-preference) { .card, .edge, .column text { transition: opacity .12s; } }
`;
