/** The page itself: regions that its scripts fill. */
import { GRAPH_STYLE } from "../../compiler/explain/graph-style.js";
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

/** The style of the page of `merlon serve --ui`, after that of the graph. */
const PAGE_STYLE = `
body { min-height: 100vh; display: flex; flex-direction: column; }
header { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; padding: 10px 20px; background: var(--card); border-bottom: 1px solid var(--line); }
h1 { font-size: 17px; margin: 0; letter-spacing: .01em; } h2 { font-size: 18px; margin: 0; overflow-wrap: anywhere; } h3 { font-size: 14px; margin: 0 0 8px; } h4 { font-size: 13px; margin: 14px 0 6px; }
.tools { margin-left: auto; display: flex; gap: 8px; align-items: center; } a { color: var(--up); }
#live { display: inline-flex; align-items: center; gap: 6px; color: var(--soft); } #live::before { content: ""; width: 9px; height: 9px; border-radius: 50%; background: var(--edge); } #live.good::before { background: var(--good); } #live.bad { color: var(--bad); } #live.bad::before { background: var(--bad); }
.shell { flex: 1; display: grid; grid-template-columns: 240px minmax(0, 1fr); } nav { padding: 16px 12px; border-right: 1px solid var(--line); background: var(--card); } nav h2 { font-size: 13px; color: var(--soft); font-weight: 600; margin: 0 8px 8px; }
#models { display: flex; flex-direction: column; gap: 2px; max-height: calc(100vh - 110px); overflow: auto; padding: 2px; } #models button { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 8px; align-items: center; text-align: left; border-color: transparent; background: none; padding: 6px 8px; overflow-wrap: anywhere; }
#models button:hover { background: var(--paper); } #models button[aria-current="true"] { background: var(--tint); box-shadow: inset 3px 0 0 var(--up); } #models span { font-size: 11px; font-weight: 600; } .READY { color: var(--good); } .UNAVAILABLE, .LOADING, .UNLOADING { color: var(--bad); }
main { padding: 10px 20px 16px; min-width: 0; display: flex; flex-direction: column; gap: 14px; }
.head-row { display: flex; flex-wrap: wrap; align-items: end; gap: 0 28px; border-bottom: 1px solid var(--line); } .head-row h2 { padding: 6px 0; } [role="tablist"] { display: flex; gap: 2px; overflow-x: auto; max-width: 100%; } [role="tab"] { border: 0; border-bottom: 2px solid transparent; border-radius: 0; background: none; padding: 8px 14px; color: var(--soft); white-space: nowrap; } [role="tab"][aria-selected="true"] { color: var(--ink); border-color: var(--up); font-weight: 600; } [role="tab"]:focus-visible { outline-offset: -3px; }
[role="tabpanel"] { min-width: 0; outline-offset: 4px; } [role="tabpanel"][hidden], #access[hidden], [hidden] { display: none !important; } #panel-graph { flex: 1; display: flex; flex-direction: column; min-height: 380px; }
.card-box, #access { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; min-width: 0; } #access { margin: 16px 20px 0; max-width: 480px; } #access input { width: 100%; margin-bottom: 8px; } #access h2 { font-size: 15px; }
.bar-row { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-bottom: 12px; } .soft, .facts { color: var(--soft); } .bad { color: var(--bad); } p { margin: 4px 0; overflow-wrap: anywhere; } label { color: var(--soft); font-size: 13px; }
#tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 0 0 14px; } #tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; } #tiles dt { color: var(--soft); font-size: 12px; } #tiles dd { margin: 2px 0 0; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 14px; margin-bottom: 14px; } figure { margin: 0; } figcaption { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; margin-bottom: 6px; font-size: 12px; } figcaption strong { font-size: 14px; } .key { display: inline-flex; gap: 5px; align-items: center; color: var(--soft); font-variant-numeric: tabular-nums; } .key::before { content: ""; width: 14px; height: 3px; border-radius: 2px; background: currentColor; } .key b { color: var(--ink); font-weight: 600; }
.chart { display: block; width: 100%; height: 150px; } .chart text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; } .chart .grid { stroke: var(--line); stroke-width: 1; } .chart .cursor { stroke: var(--edge); } .chart path { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.one { color: var(--up); stroke: var(--up); } .two { color: var(--down); stroke: var(--down); } .three { color: var(--focus); stroke: var(--focus); } .fault { color: var(--bad); stroke: var(--bad); } .chart .two { stroke-dasharray: 6 3; } .chart .three { stroke-dasharray: 2 3; } .chart path.area { stroke: none; fill: color-mix(in srgb, var(--up) 14%, transparent); } .chart rect.fault { fill: var(--bad); stroke: none; } .chart circle { stroke: none; fill: currentColor; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 14px; align-items: start; } #panel-overview .columns { grid-template-columns: minmax(0, 9fr) minmax(0, 11fr); } #panel-requests .columns:has(#trace > .soft:only-child) { grid-template-columns: minmax(0, 1fr); } .wide { overflow-x: auto; } .scroll { overflow: auto; max-height: 62vh; }
table { border-collapse: collapse; width: 100%; font-size: 13px; } caption { text-align: left; color: var(--soft); font-size: 12px; padding-bottom: 4px; } th { color: var(--soft); font-weight: 600; font-size: 12px; white-space: nowrap; } th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--line); vertical-align: top; } th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } td { overflow-wrap: break-word; } tbody tr:last-child td { border-bottom: 0; } .scroll thead th { position: sticky; top: 0; background: var(--card); }
.values td, .values th { font-family: var(--mono); font-size: 12px; } .values td { overflow-wrap: anywhere; } .values .place { width: 1%; color: var(--soft); } td.null, td.nan { color: var(--soft); font-style: italic; } tr[aria-selected="true"] { background: var(--tint); } #requests { table-layout: fixed; } #requests th:first-child { width: 76px; } #requests th:last-child { width: 76px; } #requests th:nth-last-child(2) { width: 27%; } #requests td { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; } #requests td.grow { white-space: normal; } #requests td.grow span { overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; } #requests button, .link { padding: 0; border: 0; background: none; color: var(--up); text-align: left; font: inherit; text-decoration: underline; text-underline-offset: 2px; }
.pager { display: flex; gap: 8px; align-items: center; margin: 8px 0; font-size: 12px; color: var(--soft); } .pager button { padding: 2px 8px; } button:disabled { opacity: .45; cursor: default; }
#canvas { flex: 1; min-height: 300px; border: 1px solid var(--line); border-radius: 10px; background: var(--paper); } #graph-note:not(:empty) { margin: 0 0 10px; } #no-plan { padding: 32px 16px; text-align: center; color: var(--soft); }
#fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); gap: 10px 14px; max-height: 52vh; overflow: auto; padding: 2px; margin-bottom: 10px; } .field label { display: flex; justify-content: space-between; gap: 8px; margin-bottom: 3px; } .field label b { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; } .field + .bar-row { margin: 12px 0 0; }
textarea, pre { width: 100%; font: 12px/1.45 var(--mono); border-radius: 6px; } textarea { display: block; min-height: 34px; padding: 7px 9px; resize: vertical; } textarea[aria-invalid="true"] { border-color: var(--bad); } pre { background: var(--paper); border: 1px solid var(--line); padding: 8px; overflow: auto; max-height: 260px; margin: 6px 0; white-space: pre-wrap; overflow-wrap: anywhere; } button.main { background: var(--up); border-color: var(--up); color: light-dark(#fff, #0c1722); font-weight: 600; padding: 6px 16px; }
details > summary { cursor: pointer; padding: 3px 0; } summary::marker { color: var(--soft); } .alert { border: 1px solid var(--bad); border-left-width: 4px; border-radius: 8px; padding: 8px 12px; margin: 8px 0; background: color-mix(in srgb, var(--bad) 7%, transparent); }
#timings > details { border-bottom: 1px solid var(--line); } #timings > details > summary { display: grid; grid-template-columns: 14px minmax(120px, 190px) minmax(150px, auto) minmax(50px, 1fr); gap: 10px; align-items: center; font-size: 13px; list-style: none; } #timings > details > summary::before { content: "▸"; color: var(--soft); } #timings > details[open] > summary::before { content: "▾"; } .what { overflow-wrap: anywhere; font-family: var(--mono); font-size: 12px; } .track { background: var(--paper); border-radius: 4px; height: 8px; overflow: hidden; } .bar { display: block; height: 8px; background: var(--up); border-radius: 4px; } .tensor { margin-left: 22px; font-size: 13px; } #timings > .failed > summary { color: var(--bad); } .failed .bar { background: var(--bad); }
#story { min-height: 1.5em; margin: 6px 0 12px; } #candidate { width: 220px; max-width: 60vw; }
@media (max-width: 1000px) { .columns, #panel-overview .columns { grid-template-columns: minmax(0, 1fr); } .scroll { max-height: 50vh; } }
@media (max-width: 760px) { .shell { grid-template: auto 1fr / minmax(0, 1fr); } nav { border-right: 0; border-bottom: 1px solid var(--line); padding: 10px 12px; } #models { max-height: 132px; } main { padding: 12px; } header { padding: 8px 12px; } [role="tab"] { padding: 8px 9px; } #timings > details > summary { grid-template-columns: 14px 1fr auto; } #timings .track { grid-column: 1 / -1; } #tiles { grid-template-columns: 1fr 1fr; } #tiles dd { font-size: 18px; } #panel-graph { min-height: 70vh; } #requests td:nth-child(2), #requests th:nth-child(2) { display: none; } }`;
