/** The page itself: regions that its script fills, and its style. */
import { STYLE as GRAPH } from "../../compiler/explain/style.js";

const STYLE = `body { display: block; height: auto; } main { display: grid; grid-template-columns: minmax(250px, 340px) minmax(0, 1fr); gap: 16px; padding: 16px; }
section, nav { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; min-width: 0; margin-bottom: 16px; }
nav button { display: flex; flex-wrap: wrap; gap: 8px; width: 100%; justify-content: space-between; margin: 4px 0; } nav button[aria-current="true"] { outline: 2px solid var(--up); }
.READY { color: light-dark(#1a7f37, #4ac26b); } .UNAVAILABLE { color: light-dark(#b3261e, #ff7b72); } #picture { overflow: auto; max-height: 460px; } #graph { height: auto; max-width: none; } .does { font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-size: 13px; } th, td { text-align: left; padding: 2px 6px; overflow-wrap: anywhere; border-bottom: 1px solid var(--line); } th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; }
#access { margin: 16px 16px 0; max-width: 480px; } #access[hidden] { display: none; } #access input { width: 100%; margin-bottom: 8px; } textarea, pre { width: 100%; font: 12px/1.4 ui-monospace, Menlo, Consolas, monospace; background: var(--paper); color: inherit; border: 1px solid var(--line); border-radius: 6px; padding: 8px; overflow: auto; max-height: 260px; }
textarea { min-height: 64px; } label { display: block; margin: 6px 0 2px; } .bad { color: light-dark(#b3261e, #ff7b72); } h3 { font-size: 13px; margin: 12px 0 4px; } .scroll { overflow: auto; max-height: 260px; } #requests tr[aria-selected="true"] { background: var(--paper); } th { overflow-wrap: normal; } #requests td { white-space: nowrap; overflow-wrap: normal; } #requests td:nth-child(5) { width: 100%; max-width: 160px; min-width: 90px; overflow: hidden; text-overflow: ellipsis; text-align: left; } .scroll table button { width: auto; white-space: nowrap; }
details > summary { cursor: pointer; padding: 2px 0; } #timings > details > summary { display: grid; grid-template-columns: minmax(120px, 2fr) minmax(130px, 1.2fr) 3fr; gap: 8px; align-items: center; } .what { overflow-wrap: anywhere; } .what::before { content: "▸ "; } details[open] > summary .what::before { content: "▾ "; } .tensor { margin-left: 16px; font-size: 13px; overflow-wrap: anywhere; }
.track { background: var(--paper); border-radius: 4px; height: 8px; overflow: hidden; } .bar { display: block; height: 8px; background: var(--up); border-radius: 4px; } #graph .card { cursor: pointer; } :focus-visible { outline: 2px solid var(--up); outline-offset: 1px; }
@media (max-width: 760px) { main { grid-template-columns: minmax(0, 1fr); } #timings > details > summary { grid-template-columns: 1fr 1fr; } #timings .track { grid-column: 1 / -1; } }`;

export const pageText = (): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Merlon</title>
<link rel="icon" href="data:,"><style>${GRAPH}${STYLE}</style></head>
<body><header><h1>Merlon</h1><span id="live" class="facts" role="status">connecting</span><span class="tools"><a id="docs" href="/">OpenAPI</a><button id="theme" type="button" aria-label="Light or dark">Light / dark</button></span></header>
<section id="access" aria-label="Keys" hidden><h2>Keys</h2><form id="keys"></form></section><main><div><nav aria-label="Models"><h2>Models</h2><div id="models"></div></nav><section aria-label="Counts"><h2>Counts</h2><table id="counts"></table></section></div>
<div><section aria-label="Graph"><h2 id="name">Graph</h2><div id="picture" tabindex="0" aria-label="The plan, with time and rows of each stage"></div><table id="stages" aria-label="Stages since the start"></table></section>
<section aria-label="Request"><h2>Request</h2><form id="form"></form><pre id="console" tabindex="0" aria-label="Answer" role="log"></pre></section>
<section aria-label="Last requests"><h2>Last requests of all clients</h2><div class="scroll" tabindex="0" aria-label="List of requests"><table id="requests"></table></div><p id="unseen" class="facts"></p><div id="trace"></div></section>
<section aria-label="Why"><h2>Why, and why not</h2><label for="candidate">Candidate id</label><input id="candidate" inputmode="numeric"> <button id="why" type="button">Explain</button><div id="story" role="status"></div><div id="candidates"></div></section></div></main>
<script type="module" src="/page.js"></script></body></html>
`;
