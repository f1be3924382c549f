/**
 * The graph as it leaves the evaluated file: plain data, nodes before their readers. No functions, no classes.
 */
import type { OpKind } from "../../contract/op-params.js";
import type { ColumnType } from "../dsl/column.js";
import type { DslFault } from "../dsl/faults.js";
import type { Selector } from "../dsl/selector.js";

export type GraphNode =
  | {
      readonly kind: "source";
      readonly columns: Readonly<Record<string, ColumnType>>;
      readonly site: number | undefined;
    }
  | { readonly kind: "schema"; readonly path: string; readonly site: number | undefined }
  | {
      readonly kind: "subgraph";
      readonly name: string;
      readonly input: number;
      readonly site: number | undefined;
    }
  | {
      readonly kind: "apply";
      readonly op: OpKind;
      readonly params: unknown;
      /** The options of `cached`; absent without it. */
      readonly cache?: unknown;
      readonly input: number;
      readonly dependencies: Readonly<Record<string, GraphDependency>>;
      readonly site: number | undefined;
    }
  | {
      readonly kind: "plus";
      readonly left: number;
      readonly right: number;
      readonly wins?: "right";
      readonly site: number | undefined;
    }
  | {
      readonly kind: "minus";
      readonly left: number;
      readonly right: number | readonly Selector[];
      readonly site: number | undefined;
    }
  | {
      readonly kind: "pick";
      readonly input: number;
      readonly names: readonly Selector[];
      readonly site: number | undefined;
    }
  | { readonly kind: "unknown"; readonly site: number | undefined };

/** A node's index, or what the author gave instead, in words. */
export type GraphDependency = { readonly node: number } | { readonly seen: string };

/** The `log` of an ensemble's options. */
export interface GraphLog {
  /** The kept nodes, in order. */
  readonly columns: readonly GraphDependency[];
  /** The other properties, unchecked. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface GraphDocument {
  readonly kind: "ensemble" | "workflow";
  readonly name: string;
  /** Without `log`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly log?: GraphLog;
  readonly nodes: readonly GraphNode[];
  readonly output: number;
}

/** The result of running a file. */
export type Evaluated =
  | {
      readonly kind: "graph";
      readonly graph: GraphDocument;
      readonly programs: readonly string[];
      readonly faults: readonly DslFault[];
    }
  | {
      readonly kind: "no-program";
      /** The default export, in words. */
      readonly seen: string;
      /** For a program without a node: its arguments in place of the node and the name. */
      readonly arguments?: string;
      /** Names of the exports that are programs. */
      readonly programs: readonly string[];
      readonly faults: readonly DslFault[];
    }
  | {
      readonly kind: "threw";
      readonly reason: string;
      readonly stack: string;
      /** A value of the machine that the program read, as the author writes it. */
      readonly machine?: string;
      readonly faults: readonly DslFault[];
    };
