/**
 * A model's folder as it was read.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { VersionFolder } from "./layout.js";
import type { Upload } from "./override.js";
import type { CodeRule } from "./uploaded-code.js";

export interface PolledModel {
  readonly config: ModelConfig;
  readonly folder: string;
  /** Whether someone wrote a configuration; without one a backend must know it by itself. */
  readonly configured: boolean;
  readonly versions: readonly VersionFolder[];
  readonly dependencies: readonly string[];
  /** Set if the folder was made from files of a request; it is discarded with the model. */
  readonly upload: Upload | undefined;
  /** The code that its versions may run. */
  readonly code: CodeRule;
  /** The configuration of its folder, without what a request brought; undefined if there is none or it cannot be used. */
  readonly onDisk: ModelConfig | undefined;
  /** The part of the mark that covers each version's files. */
  readonly files: ReadonlyMap<ModelVersion, string>;
  /** The part of the mark that covers the folder, whatever configuration a request gave. */
  readonly content: string;
  /** Equal for two polls when nothing changed between them, and for two uploads of the same configuration and files. */
  readonly mark: string;
}
