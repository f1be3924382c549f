/** The page itself: regions that its scripts fill. */
import { GRAPH_STYLE } from "../../compiler/explain/graph-style.js";
import { PAGE_STYLE } from "./page-style.js";
import { SHARED_SCRIPTS } from "./scripts.js";

const TABS = ["Overview", "Graph", "Try", "Requests", "Why"] as const;

const tab = (name: string, i: number): string => {
  const id = name.toLowerCase();
  return `<button type="button" role="tab" id="tab-${id}" aria-controls="panel-${id}" aria-selected="${i === 0}" tabindex="${i === 0 ? 0 : -1}">${name}</button>`;
};
const panel = (name: (typeof TABS)[number], content: string): string => {
  const id = name.toLowerCase();
  return `<section role="tabpanel" id="panel-${id}" aria-labelledby="tab-${id}" tabindex="0"${name === "Overview" ? "" : " hidden"}>${content}</section>`;
};

const OVERVIEW = `<div class="bar-row"><label for="scope">Requests to</label><select id="scope"><option value="all">all models</option><option value="one">this model</option></select><span id="window" class="soft"></span></div>
<dl id="tiles"></dl><div class="charts"><figure id="chart-rate" class="card-box"></figure><figure id="chart-latency" class="card-box"></figure><figure id="chart-errors" class="card-box"></figure></div>
<div class="columns"><section class="card-box wide" tabindex="0" aria-label="Models since the start"><h3>Models since the start</h3><table id="counts"></table></section><section class="card-box wide" tabindex="0" aria-label="Steps since the start"><h3>Steps since the start</h3><table id="stages"></table></section></div>`;

const GRAPH = `<div class="bar-row"><label for="figures">Figures of</label><select id="figures"><option value="all">all requests (mean)</option></select><span class="tools"><button id="zoom-out" type="button" aria-label="Zoom out (−)">−</button><button id="zoom-in" type="button" aria-label="Zoom in (+)">+</button><button id="fit" type="button" title="Show everything (0)">Fit</button></span></div>
<p id="graph-note" class="soft" role="status"></p>
<div id="canvas" tabindex="0" role="group" aria-label="Graph: arrows move it, plus and minus zoom, 0 shows all"></div>`;

const TRY = `<div class="columns"><section class="card-box" aria-label="Request"><h3>Request</h3><form id="form"></form></section>
<section class="card-box" aria-label="Response"><h3>Response</h3><p id="console" role="status" class="soft">Nothing was sent yet.</p><div id="answer"></div></section></div>`;

const REQUESTS = `<div class="columns"><section class="card-box" aria-label="Last requests"><div class="bar-row"><h3>Last requests</h3><label><input type="checkbox" id="only-model"> this model</label><label><input type="checkbox" id="only-failed"> failures</label><label><input type="checkbox" id="paused"> pause</label></div><p id="unseen" class="soft"></p><div class="scroll" tabindex="0" role="group" aria-label="List of requests"><table id="requests"></table></div></section>
<section class="card-box" aria-label="One request"><div id="trace"><p class="soft">No request is open.</p></div></section></div>`;

const WHY = `<section class="card-box" aria-label="Candidates"><p id="why-request" class="soft">Open a request to an ensemble first: its candidates are listed here.</p><div class="bar-row"><label for="candidate">Candidate id</label><input id="candidate" inputmode="numeric" autocomplete="off"><button id="why" class="main" type="button">Explain</button></div><div id="story" role="status"></div>
<div class="bar-row"><label for="outcome">Show</label><select id="outcome"><option value="all">all candidates</option><option value="answered">those in the response</option><option value="dropped">those that a step dropped</option></select></div><div id="candidates" class="wide" tabindex="0" role="group" aria-label="Candidates of the request"></div></section>`;

export const pageText = (): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Merlon</title>
<link rel="icon" href="data:,"><style>${GRAPH_STYLE}${PAGE_STYLE}</style></head>
<body><header><h1>Merlon</h1><span id="live" role="status">connecting</span><span class="tools"><a id="docs" href="/">OpenAPI</a><button id="theme" type="button" title="Light or dark (t)">Theme</button></span></header>
<section id="access" aria-label="Keys" hidden><h2>Keys</h2><form id="keys"></form></section>
<div class="shell"><nav aria-label="Models"><h2>Models</h2><div id="models"></div></nav>
<main><div class="head-row"><h2 id="name">Models</h2><div role="tablist" aria-label="Views">${TABS.map(tab).join("")}</div></div>
${panel("Overview", OVERVIEW)}
${panel("Graph", GRAPH)}
${panel("Try", TRY)}
${panel("Requests", REQUESTS)}
${panel("Why", WHY)}</main></div>
${[...SHARED_SCRIPTS, "page"].map(name => `<script type="module" src="/${name}.js"></script>`).join("")}</body></html>
`;
