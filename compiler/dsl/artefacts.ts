/**
 * Types that the checker derives from the files of a program. `merlon typegen` writes a `merlon-env.d.ts` that adds an entry per path, as
 * written in the program; a path without an entry has open columns.
 */

/** Columns by artefact; filled in by `merlon-env.d.ts`. */
// biome-ignore lint/suspicious/noEmptyInterface: it is augmented
export interface Artefacts {}

/** A fitted workflow: the columns it reads and makes, in all and by named subgraph. */
export interface WorkflowArtefact {
  readonly kind: "workflow";
  readonly inputs: string;
  readonly outputs: string;
  readonly subgraphs?: Readonly<Record<string, { readonly inputs: string; readonly outputs: string }>>;
}

/** An ONNX graph: its tensors as columns; `float32[]` is a vector of any width, `?` what a column cannot be. */
export interface OnnxArtefact {
  readonly kind: "onnx";
  readonly inputs: string;
  readonly outputs: string;
}

/** A Feast repository: per view its join key and its features; an open key is one that `queryFeast` cannot look up by. */
export interface FeastArtefact {
  readonly kind: "feast";
  readonly views: Readonly<Record<string, { readonly key: string; readonly features: string }>>;
}

/** A FAISS index: the type of its vectors, and of its ids where they are not int64. */
export interface FaissArtefact {
  readonly kind: "faiss";
  readonly vector: string;
  readonly ids?: "string";
}

/** A forest: the type of its predictions. */
export interface ForestArtefact {
  readonly kind: "forest";
  readonly prediction: string;
}

/** An embedding table: the type of its vectors. */
export interface EmbeddingArtefact {
  readonly kind: "embedding";
  readonly vector: string;
}

/** Factors of users and items. */
export interface ImplicitArtefact {
  readonly kind: "implicit";
}

/** A table of items' attributes. */
export interface AttributesArtefact {
  readonly kind: "attributes";
  readonly columns: string;
}

/** A table of candidates: the dtypes of its keys and of its candidates. */
export interface CandidatesArtefact {
  readonly kind: "candidates";
  readonly keys: string;
  readonly ids: string;
}

/** A vector database: the type of its vectors and of its ids, and the attributes that conditions read. */
export interface VectorsArtefact {
  readonly kind: "vectors";
  readonly vector: string;
  readonly ids: string;
  readonly attributes: string;
}

/** One of Merlin's schema files. */
export interface SchemaArtefact {
  readonly kind: "schema";
  readonly columns: string;
}

/** Every kind of entry. */
export interface ArtefactKinds {
  readonly workflow: WorkflowArtefact;
  readonly onnx: OnnxArtefact;
  readonly feast: FeastArtefact;
  readonly faiss: FaissArtefact;
  readonly schema: SchemaArtefact;
  readonly forest: ForestArtefact;
  readonly embedding: EmbeddingArtefact;
  readonly implicit: ImplicitArtefact;
  readonly attributes: AttributesArtefact;
  readonly vectors: VectorsArtefact;
  readonly candidates: CandidatesArtefact;
}

/** The entry of a path; never where there is none. */
export type ArtefactOf<P, K extends keyof ArtefactKinds> = P extends keyof Artefacts
  ? Extract<Artefacts[P], ArtefactKinds[K]>
  : never;

/** Paths with an entry, so that editors offer them, and any other text. */
export type PathOf<K extends keyof ArtefactKinds> =
  | { [P in keyof Artefacts]: Artefacts[P] extends ArtefactKinds[K] ? P : never }[keyof Artefacts]
  | (string & {});
