/**
 * The results of a compilation's phases, and the context of those after the evaluation.
 */
import type { ProgramSources } from "./2-check/sources.js";
import type { ArtefactReader } from "./3-graph/artefacts.js";
import type { GraphDocument } from "./3-graph/document.js";
import type { Finding } from "./diagnostics/diagnostic.js";

/** A phase's result and its findings, in the order in which they were made. */
export interface Phase<T> {
  readonly value: T;
  readonly findings: readonly Finding[];
}

/** A program whose file ran to its end. */
export interface Program {
  readonly sources: ProgramSources;
  readonly artefacts: ArtefactReader;
  readonly graph: GraphDocument;
}
