/** Colors and the graph, of both pages: light and dark by the reader's system, or by the button. */
export const GRAPH_STYLE = `
:root { color-scheme: light dark; --paper: light-dark(#f5f6f8, #121418); --card: light-dark(#fff, #1c1f25); --ink: light-dark(#1a1e24, #e8ebf0);
  --soft: light-dark(#57606c, #a0aab8); --line: light-dark(#d3d8df, #363c46); --edge: light-dark(#8a94a3, #6d7787);
  --up: light-dark(#0b5cad, #6bb3f8); --down: light-dark(#a3470a, #f2a562); --hit: light-dark(#fff0b3, #564700); --found: light-dark(#b98900, #e3b341);
  --focus: light-dark(#6b34e0, #b99cff); --good: light-dark(#17703a, #56cf7b); --bad: light-dark(#b3261e, #ff8a80); --tint: light-dark(#eaf2fb, #1b2a3a);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); }
input, button, select, textarea { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; }
button { cursor: pointer; } button:hover { border-color: var(--edge); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
#canvas { position: relative; overflow: hidden; min-width: 0; min-height: 0; cursor: grab; touch-action: none; } #canvas.moving { cursor: grabbing; }
#graph { position: absolute; inset: 0; width: 100%; height: 100%; display: block; user-select: none; }
#map { position: absolute; right: 12px; bottom: 12px; background: var(--card); border: 1px solid var(--line); border-radius: 6px; cursor: crosshair; } #map[hidden] { display: none; }
#map .block { fill: var(--edge); } #map .view { fill: color-mix(in srgb, var(--up) 14%, transparent); stroke: var(--up); vector-effect: non-scaling-stroke; }
.graph text { fill: var(--ink); font-size: 12px; } .graph .does, .graph .type, .graph .more, .graph .group { fill: var(--soft); } .graph .does, .graph .group, .graph .figure { font-size: 11px; } .graph .type, .graph .figure { text-anchor: end; }
.graph .title { font-weight: 600; } .graph .title, .graph .name, .graph .type, .graph .more { font-family: var(--mono); } .graph .figure { font-variant-numeric: tabular-nums; }
.frame { fill: var(--card); stroke: var(--line); } .head { stroke: var(--line); fill: none; }
.card[data-kind="request"] .frame, .card[data-kind="answer"] .frame { fill: var(--tint); stroke: color-mix(in srgb, var(--up) 45%, var(--line)); }
.card { outline: none; cursor: pointer; } .card:hover .frame { stroke: var(--edge); } .card:focus-visible .frame { stroke: var(--focus); stroke-width: 2.5; }
.card.failed .frame { stroke: var(--bad); stroke-width: 2.5; } .graph .card.failed .figure { fill: var(--bad); }
.column rect { fill: transparent; } .column:hover rect { fill: color-mix(in srgb, var(--up) 12%, transparent); }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.4; } marker path { fill: context-stroke; }
`;
