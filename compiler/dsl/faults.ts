/**
 * Mistakes that the operators see while a file is being run. They are collected, so that one run reports all of them. The helper that found
 * one returns an unknown node, which silences consequences.
 */
import type { Message } from "../diagnostics/diagnostic.js";

export interface DslFault {
  readonly message: Message;
  /** Site index of the operator, and which operand is at fault. */
  readonly site: number | undefined;
  readonly side: "left" | "right" | "whole";
}

const collected: DslFault[] = [];

export const recordFault = (message: Message, site: number | undefined, side: DslFault["side"]): void => {
  collected.push({ message, site, side });
};

/** Takes the faults collected so far. */
export const takeFaults = (): DslFault[] => collected.splice(0);

const isKind =
  (kind: string) =>
  (value: unknown): boolean =>
    typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === kind;

/** How a wrong operand reads in a message. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return value.some(isKind("node")) ? "a list of nodes" : "a list";
  if (typeof value === "string") return `the text ${JSON.stringify(value)}`;
  if (typeof value === "function")
    return value.name ? `the function \`${value.name}\` (call it: \`${value.name}(...)\`)` : "a function";
  if (value instanceof Promise) return "a promise (write `await` before it)";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") {
    if (isKind("op")(value)) return "an operator";
    if (isKind("node")(value)) return "a node";
    if (isKind("tag")(value)) return "a tag";
    if (isKind("ensemble")(value)) return "an ensemble";
    if (isKind("workflow")(value)) return "a workflow";
    return "a record";
  }
  return `the ${typeof value} ${String(value)}`;
}
