/** What a step that learns is given: the data as the steps before it made it, where files go, and who does the work. */
import type { ConnectionPool } from "./connection-pool.js";
import type { FitJournal } from "./fit-journal.js";
import type { Layers } from "./layers.js";

export interface Learning {
  readonly pool: ConnectionPool;
  readonly journal: FitJournal;
  readonly layers: Layers;
  /** The fitted folder to be. */
  readonly folder: string;
}
