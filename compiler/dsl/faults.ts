/**
 * Mistakes that the operators see while a file is being run. They are collected, so that one run reports all of them; the helper that
 * saw one answers with an unknown node, which silences what would follow from it.
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

/** How a wrong operand reads in a message. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return `the text ${JSON.stringify(value)}`;
  if (typeof value === "function")
    return value.name ? `the function \`${value.name}\` (call it: \`${value.name}(...)\`)` : "a function";
  if (typeof value === "object")
    return (value as { kind?: unknown }).kind === "op"
      ? "an operator"
      : (value as object) instanceof Object && "kind" in value && value.kind === "node"
        ? "a node"
        : "an object";
  return `the ${typeof value} ${String(value)}`;
}
