/**
 * Placed cards and edges → SVG. Colors are in the page's style; what the page's scripts need is in `data-` attributes.
 */
import {
  type Card,
  type CardColumn,
  EDGE_PADDING,
  type Edge,
  GROUP_HEIGHT,
  headHeight,
  LINE_HEIGHT,
  PADDING,
  type Picture,
  ROW_HEIGHT,
  shorten,
  TITLE_HEIGHT,
} from "./layout.js";

export function drawPicture({ cards, edges, width, height, detail }: Picture): string {
  return [
    `<svg id="graph" class="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" data-width="${round(width)}" data-height="${round(height)}" data-detail="${detail}" role="group" aria-label="The plan's steps and the columns between them">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ...edges.map(drawEdge),
    ...cards.map(drawCard),
    "</svg>",
  ].join("\n");
}

const drawEdge = ({ from, to, columns, path }: Edge): string =>
  `<path class="edge" data-from="${escapeMarkup(from)}" data-to="${escapeMarkup(to)}" d="${path}" marker-end="url(#arrow)"><title>${escapeMarkup(columns.join(", "))}</title></path>`;

function drawCard(card: Card): string {
  const { id, group, title, does, lines, kind, columns, hidden, x, y, width, height } = card;
  const head = headHeight(card);
  const titleAt = EDGE_PADDING + (group === undefined ? 0 : GROUP_HEIGHT) + 13;
  const rows = columns.map((column, i) => drawRow(id, column, width, head + i * ROW_HEIGHT));
  const more = hidden.length
    ? [
        `<text class="more" data-step="${escapeMarkup(id)}" x="${PADDING}" y="${head + columns.length * ROW_HEIGHT + 14}">and ${hidden.length} more</text>`,
      ]
    : [];
  return [
    `<g class="card" data-step="${escapeMarkup(id)}" data-kind="${escapeMarkup(kind)}" tabindex="0" role="button" transform="translate(${round(x)} ${round(y)})">`,
    `<title>${escapeMarkup(`${id}: ${does}`)}</title>`,
    `<rect class="frame" width="${width}" height="${height}" rx="8"/>`,
    ...(columns.length > 0 ? [`<path class="head" d="M0 ${head - 3}h${width}"/>`] : []),
    ...(group === undefined
      ? []
      : [
          `<text class="group" x="${PADDING}" y="${EDGE_PADDING + 10}">${escapeMarkup(group)}</text><text class="figure" x="${width - PADDING}" y="${EDGE_PADDING + 10}"></text>`,
        ]),
    `<text class="title" x="${PADDING}" y="${titleAt}">${escapeMarkup(title)}</text>`,
    ...lines.map(
      (line, i) =>
        `<text class="does" x="${PADDING}" y="${titleAt + TITLE_HEIGHT - 1 + i * LINE_HEIGHT}">${escapeMarkup(line)}</text>`,
    ),
    ...rows,
    ...more,
    "</g>",
  ].join("");
}

function drawRow(step: string, { name, type }: CardColumn, width: number, y: number): string {
  const room = (width - 2 * PADDING) / 7.3 - type.length - 1;
  return [
    `<g class="column" data-step="${escapeMarkup(step)}" data-column="${escapeMarkup(name)}" transform="translate(0 ${y})">`,
    `<rect x="1" width="${width - 2}" height="${ROW_HEIGHT}"/>`,
    `<text class="name" x="${PADDING}" y="14">${escapeMarkup(shorten(name, room))}</text><text class="type" x="${width - PADDING}" y="14">${escapeMarkup(type)}</text>`,
    `<title>${escapeMarkup(`${name}: ${type}`)}</title></g>`,
  ].join("");
}

const round = (value: number): number => Math.round(value * 10) / 10;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML and SVG, in elements and in quoted attributes. */
export const escapeMarkup = (text: string): string => text.replace(/[&<>"']/g, c => ENTITIES[c]!);
