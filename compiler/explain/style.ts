/** The page's style: light and dark by the reader's system, or by the button. */
export const STYLE = `
:root { color-scheme: light dark; --paper: light-dark(#f6f7f9, #14161a); --card: light-dark(#fff, #1e2127); --ink: light-dark(#1b1f24, #e6e9ee);
  --soft: light-dark(#5b6470, #9aa4b2); --line: light-dark(#cdd3db, #3a404a); --up: light-dark(#0b66c3, #62aef7); --down: light-dark(#b3510b, #f2a35e);
  --hit: light-dark(#fff0b3, #564700); --found: light-dark(#c99700, #e3b341); --focus: light-dark(#7a3ff2, #b596ff);
  font: 14px/1.45 system-ui, sans-serif; }
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: grid; grid-template: auto 1fr / 1fr 340px; background: var(--paper); color: var(--ink); }
header { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; padding: 10px 16px; border-bottom: 1px solid var(--line); background: var(--card); }
h1 { font-size: 16px; margin: 0; } h2 { font-size: 14px; margin: 16px 0 4px; } h2:first-child { margin-top: 0; }
header .facts { color: var(--soft); }
header .tools { margin-left: auto; display: flex; gap: 8px; align-items: center; }
input, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; }
input { width: 220px; } button { cursor: pointer; }
#found { min-width: 5em; color: var(--soft); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
#canvas { overflow: hidden; min-width: 0; min-height: 0; cursor: grab; touch-action: none; } #canvas.moving { cursor: grabbing; }
#graph { width: 100%; height: 100%; display: block; user-select: none; }
aside { border-left: 1px solid var(--line); background: var(--card); padding: 16px; overflow: auto; overflow-wrap: anywhere; }
aside p { margin: 4px 0; } aside ul { margin: 4px 0; padding-left: 18px; } aside .soft, aside dt { color: var(--soft); }
aside dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; margin: 4px 0; } aside dd { margin: 0; }
aside code, .title, .name, .type, .more { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
aside button { padding: 0 4px; border: 0; background: none; color: var(--up); text-align: left; font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; font-size: 12px; }
svg text { fill: var(--ink); font-size: 12px; } .does, .type, .more { fill: var(--soft); } .does { font-size: 11px; } .title { font-weight: 600; } .type { text-anchor: end; }
.frame { fill: var(--card); stroke: var(--line); } .head { stroke: var(--line); fill: none; }
.card { outline: none; cursor: pointer; } .card:focus-visible .frame { stroke: var(--focus); stroke-width: 2.5; }
.column rect { fill: transparent; } .column:hover rect { fill: color-mix(in srgb, var(--up) 12%, transparent); }
.edge { fill: none; stroke: var(--soft); stroke-width: 1.4; opacity: .7; } marker path { fill: context-stroke; }
.column.hit rect { fill: var(--hit); } .card.hit > .frame { stroke: var(--found); stroke-width: 2.5; }
.tracing .card, .tracing .edge { opacity: .25; } .tracing .card.up, .tracing .card.down, .tracing .edge.up, .tracing .edge.down { opacity: 1; }
.tracing .column text { opacity: .35; } .tracing .column.up text, .tracing .column.down text { opacity: 1; }
.column.up rect { fill: color-mix(in srgb, var(--up) 22%, transparent); } .column.down rect { fill: color-mix(in srgb, var(--down) 22%, transparent); }
.column.up.down rect { fill: color-mix(in srgb, var(--focus) 32%, transparent); }
.edge.up { stroke: var(--up); stroke-width: 2.4; } .edge.down { stroke: var(--down); stroke-width: 2.4; }
@media (max-width: 760px) { body { grid-template: auto 1fr 34vh / 1fr; } aside { border-left: 0; border-top: 1px solid var(--line); } }
@media (prefers-reduced-motion: no-preference) { .card, .edge, .column text { transition: opacity .12s; } }
`;
