/**
 * Placed cards and edges → SVG. Colors are from the page's style; data for the page's scripts is in `data-` attributes.
 */
import {
  type Card,
  type CardColumn,
  type Edge,
  HEADER_HEIGHT,
  PADDING,
  type Picture,
  ROW_HEIGHT,
  shorten,
} from "./layout.js";

export function drawPicture({ cards, edges, width, height }: Picture): string {
  return [
    `<svg id="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" data-width="${round(width)}" data-height="${round(height)}" role="group" aria-label="The plan's steps and the columns between them">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ...edges.map(drawEdge),
    ...cards.map(drawCard),
    "</svg>",
  ].join("\n");
}

function drawEdge({ from, to, columns, points }: Edge): string {
  const [start, ...rest] = points.map(p => `${round(p.x)} ${round(p.y)}`);
  // dagre's bends are control points: halfway between two of them the curve passes.
  const middle = rest.slice(0, -1).map((point, i) => {
    const [a, b] = [points[i + 1]!, points[i + 2]!];
    return i === rest.length - 2
      ? `Q${point} ${rest.at(-1)}`
      : `Q${point} ${round((a.x + b.x) / 2)} ${round((a.y + b.y) / 2)}`;
  });
  const path = middle.length ? middle.join("") : `L${rest.at(-1)}`;
  return `<path class="edge" data-from="${escapeMarkup(from)}" data-to="${escapeMarkup(to)}" d="M${start}${path}" marker-end="url(#arrow)"><title>${escapeMarkup(columns.join(", "))}</title></path>`;
}

function drawCard(card: Card): string {
  const { id, title, subtitle, kind, columns, hidden, x, y, width, height } = card;
  const rows = columns.map((column, i) => drawRow(id, column, width, HEADER_HEIGHT + i * ROW_HEIGHT));
  const more = hidden.length
    ? [
        `<text class="more" data-step="${escapeMarkup(id)}" x="${PADDING}" y="${HEADER_HEIGHT + columns.length * ROW_HEIGHT + 14}">and ${hidden.length} more</text>`,
      ]
    : [];
  return [
    `<g class="card" data-step="${escapeMarkup(id)}" data-kind="${escapeMarkup(kind)}" tabindex="0" role="button" aria-label="${escapeMarkup(`${title}: ${subtitle}`)}" transform="translate(${round(x)} ${round(y)})">`,
    `<rect class="frame" width="${width}" height="${height}" rx="8"/><path class="head" d="M0 ${HEADER_HEIGHT - 5}h${width}"/>`,
    `<text class="title" x="${PADDING}" y="19">${escapeMarkup(title)}</text><text class="does" x="${PADDING}" y="34">${escapeMarkup(subtitle)}</text>`,
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
