/**
 * Explanation → the layout of its picture: a card per step, and the edges between them. Done while the page is written, so the page needs no
 * library.
 */
import { arrange, scaleIn } from "./arrange.js";
import { ANSWER } from "./explain-plan.js";
import type { Explanation } from "./explanation.js";
import { routeLinks } from "./route.js";

export interface CardColumn {
  readonly name: string;
  readonly type: string;
}

/** Cards with a line for each column, or small ones. */
export type Detail = "columns" | "steps";

export interface Card {
  readonly id: string;
  /** Small print above the title: of an id `retrieval.queryFaiss` the part before the dot. Undefined without that line. */
  readonly group: string | undefined;
  readonly title: string;
  /** Its full description. */
  readonly does: string;
  /** The same, as lines of the card. */
  readonly lines: readonly string[];
  readonly kind: string;
  readonly columns: readonly CardColumn[];
  /** Columns that have no line of their own. */
  readonly hidden: readonly CardColumn[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  /** Columns of `from` that `to` reads. */
  readonly columns: readonly string[];
  readonly path: string;
}

export interface Picture {
  readonly detail: Detail;
  readonly cards: readonly Card[];
  readonly edges: readonly Edge[];
  readonly width: number;
  readonly height: number;
}

export const GROUP_HEIGHT = 13;
export const TITLE_HEIGHT = 17;
export const LINE_HEIGHT = 14;
export const ROW_HEIGHT = 20;
export const PADDING = 12;
/** Above the first line, and below the last. */
export const EDGE_PADDING = 6;
/** Lines of a card; the rest is in the side panel. */
const MOST_ROWS = 14;
const MOST_LINES = 3;
/** Widths of a character at the sizes of the style, of the widest usual fonts. */
const TITLE_CHARACTER = 7.4;
const TYPE_CHARACTER = 7.3;
const TEXT_CHARACTER = 6.1;
const [LEAST_WIDTH, MOST_WIDTH] = [116, 360];
/** Width of `1,234 ms` beside the group. */
const FIGURE_WIDTH = 58;
/** Columns are drawn if the picture with them is at least this large in the frame of `arrange`. */
const READABLE = 0.75;

/** The picture to begin with, and the other one. */
export function layOutBoth(explanation: Explanation): readonly [Picture, Picture] {
  const [columns, steps] = [layOut(explanation, "columns"), layOut(explanation, "steps")];
  return scaleIn(columns) >= READABLE ? [columns, steps] : [steps, columns];
}

export function layOut(explanation: Explanation, detail: Detail): Picture {
  const cards = cardsOf(explanation, detail);
  const links = edgeColumns(explanation);
  const arrangement = arrange(cards, links);
  const paths = routeLinks(arrangement, links);
  return {
    detail,
    width: arrangement.width,
    height: arrangement.height,
    cards: cards.map((card, i) => ({ ...card, x: arrangement.boxes[i]!.x, y: arrangement.boxes[i]!.y })),
    edges: links.map((link, i) => ({ ...link, path: paths[i]! })),
  };
}

type Unplaced = Omit<Card, "x" | "y">;

function cardsOf({ inputs, steps, outputs }: Explanation, detail: Detail): Unplaced[] {
  const make = detail === "columns" ? columnCard : stepCard;
  return [
    make("request", "request inputs", "request", inputs),
    ...steps.map(step => make(step.id, step.does, step.op, step.outputs)),
    make(ANSWER, "response outputs", ANSWER, outputs),
  ];
}

function columnCard(id: string, does: string, kind: string, all: readonly CardColumn[]): Unplaced {
  const shown = all.length > MOST_ROWS ? MOST_ROWS - 1 : all.length;
  const columns = all.slice(0, shown).map(({ name, type }) => ({ name, type }));
  const hidden = all.slice(shown).map(({ name, type }) => ({ name, type }));
  const text = Math.max(
    id.length * TITLE_CHARACTER,
    Math.min(does.length, 32) * TEXT_CHARACTER,
    ...does.split(" ").map(word => Math.min(word.length, 44) * TEXT_CHARACTER),
    ...columns.map(c => (c.name.length + c.type.length + 3) * TYPE_CHARACTER),
  );
  const width = widthOf(text);
  const lines = wrap(does, (width - 2 * PADDING) / TEXT_CHARACTER);
  const rows = columns.length + (hidden.length ? 1 : 0);
  const height = headHeight({ group: undefined, lines }) + rows * ROW_HEIGHT + EDGE_PADDING;
  return { id, group: undefined, title: titleIn(id, width), does, lines, kind, columns, hidden, width, height };
}

/** Small print of boxes that are not steps. */
const ENDS: Readonly<Record<string, string>> = { request: "inputs", [ANSWER]: "outputs" };

/** Two lines: its group, with room for a figure beside it, and its name. */
function stepCard(id: string, does: string, kind: string): Unplaced {
  const dot = id.indexOf(".");
  const [group, name] = dot > 0 ? [id.slice(0, dot), id.slice(dot + 1)] : [ENDS[id] ?? "", id];
  const width = widthOf(Math.max(name.length * TITLE_CHARACTER, group.length * TEXT_CHARACTER + FIGURE_WIDTH));
  return {
    id,
    group: shorten(group, (width - 2 * PADDING - FIGURE_WIDTH) / TEXT_CHARACTER),
    title: titleIn(name, width),
    does,
    lines: [],
    kind,
    columns: [],
    hidden: [],
    width,
    height: headHeight({ group, lines: [] }),
  };
}

/** All but the rows of columns. */
export const headHeight = ({ group, lines }: Pick<Card, "group" | "lines">): number =>
  EDGE_PADDING + (group === undefined ? 0 : GROUP_HEIGHT) + TITLE_HEIGHT + lines.length * LINE_HEIGHT + EDGE_PADDING;

const widthOf = (text: number): number =>
  Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, Math.ceil(text) + 2 * PADDING + 1));
const titleIn = (text: string, width: number): string => shorten(text, (width - 2 * PADDING) / TITLE_CHARACTER);

/** Cuts a text to a number of characters. */
export const shorten = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(1, Math.floor(most) - 1)).trimEnd()}…`;

/** Breaks a text at its blanks; the last line takes what is left, shortened. */
function wrap(text: string, most: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= most || line === "" || lines.length === MOST_LINES - 1) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].map(one => shorten(one, most));
}

function edgeColumns({ steps, outputs }: Explanation): { from: string; to: string; columns: string[] }[] {
  const edges = new Map<string, { from: string; to: string; columns: string[] }>();
  const add = (from: string, to: string, column: string) => {
    const key = `${from}\n${to}`;
    const edge = edges.get(key) ?? { from, to, columns: [] };
    if (!edge.columns.includes(column)) edge.columns.push(column);
    edges.set(key, edge);
  };
  for (const step of steps) for (const { step: from, column } of step.inputs) add(from, step.id, column);
  for (const { step: from, column } of outputs) add(from, ANSWER, column);
  return [...edges.values()];
}
