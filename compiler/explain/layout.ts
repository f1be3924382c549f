/**
 * Explanation → the layout of its picture: a card per step with its columns, and the edges between them. Done while the page is
 * written, so the page needs no library.
 */
import { Graph, layout as place } from "@dagrejs/dagre";
import { ANSWER } from "./explain-plan.js";
import type { Explanation } from "./explanation.js";

export interface CardColumn {
  readonly name: string;
  readonly type: string;
}

export interface Card {
  readonly id: string;
  readonly title: string;
  readonly subtitle: string;
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
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Picture {
  readonly cards: readonly Card[];
  readonly edges: readonly Edge[];
  readonly width: number;
  readonly height: number;
}

export const HEADER_HEIGHT = 46;
export const ROW_HEIGHT = 20;
export const PADDING = 12;
/** Lines of a card; the rest is in the side panel. */
const MOST_ROWS = 14;
const CHARACTER = 7.3;

export function layOut(explanation: Explanation): Picture {
  const cards = cardsOf(explanation);
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 28, ranksep: 72, marginx: 24, marginy: 24 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of cards) graph.setNode(nodeId(id), { width, height });
  const columns = edgeColumns(explanation);
  for (const { from, to } of columns) graph.setEdge(nodeId(from), nodeId(to));
  place(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    cards: cards.map(card => {
      const at = graph.node(nodeId(card.id)) as { x: number; y: number };
      return { ...card, x: at.x - card.width / 2, y: at.y - card.height / 2 };
    }),
    edges: columns.map(edge => ({
      ...edge,
      points: (graph.edge({ v: nodeId(edge.from), w: nodeId(edge.to) }) as Pick<Edge, "points">).points,
    })),
  };
}

/** dagre reserves some names (`__proto__` among them). */
const nodeId = (id: string): string => `:${id}`;

type Unplaced = Omit<Card, "x" | "y">;

function cardsOf({ inputs, steps, outputs }: Explanation): Unplaced[] {
  return [
    card("request", "request", "what is asked", "request", inputs),
    ...steps.map(step => card(step.id, step.id, step.does, step.op, step.outputs)),
    card(ANSWER, ANSWER, "what is answered", ANSWER, outputs),
  ];
}

function card(id: string, title: string, does: string, kind: string, all: readonly CardColumn[]): Unplaced {
  const shown = all.length > MOST_ROWS ? MOST_ROWS - 1 : all.length;
  const columns = all.slice(0, shown).map(({ name, type }) => ({ name, type }));
  const hidden = all.slice(shown).map(({ name, type }) => ({ name, type }));
  const characters = Math.max(
    title.length + 1,
    Math.min(does.length, 34),
    ...columns.map(c => c.name.length + c.type.length + 3),
  );
  const width = Math.min(360, Math.max(150, Math.round(characters * CHARACTER + 2 * PADDING)));
  const subtitle = shorten(does, (width - 2 * PADDING) / (CHARACTER * 0.86));
  const rows = columns.length + (hidden.length ? 1 : 0);
  return { id, title, subtitle, kind, columns, hidden, width, height: HEADER_HEIGHT + rows * ROW_HEIGHT + 6 };
}

/** Cuts a text to a number of characters. */
export const shorten = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(1, Math.floor(most) - 1)).trimEnd()}…`;

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
