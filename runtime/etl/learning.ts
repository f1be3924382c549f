/** The context of a step that learns: the output of the steps before it, the place of files, and the engine. */
import type { AnyStep } from "../../contract/plan.js";
import type { ConnectionPool } from "./connection-pool.js";
import type { EnginePool } from "./engine.js";
import type { FitJournal } from "./fit-journal.js";
import type { Layers } from "./layers.js";

export interface Learning {
  /** Runs the statements over the data. */
  readonly engines: EnginePool;
  /** Connections of DuckDB, which read the small files that operators name. */
  readonly files: ConnectionPool;
  readonly journal: FitJournal;
  readonly layers: Layers;
  /** The fitted folder to be. */
  readonly folder: string;
  /** Rows of the data, if they are known. */
  readonly totalRows: number | undefined;
  /** A fact about the data that the person who fits should know. */
  note(text: string): void;
  /** Whether steps that learn depend on it. */
  isReadAgain(step: AnyStep): boolean;
}
