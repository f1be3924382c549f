/**
 * Which models there are: by name alone, or, where names may repeat (`--model-namespacing`), by repository and name.
 */
import { invalid, RuntimeFault, UnknownModel } from "../../base/errors.js";

export interface ModelId {
  /** The repository's folder as it was given; empty if names are unique, and for a model of a load request. */
  readonly namespace: string;
  readonly name: string;
}

/** An id as logs and answers show it; what a model is kept under. */
export const idText = ({ namespace, name }: ModelId): string => (namespace ? `${namespace}::${name}` : name);

export const byId = (a: ModelId, b: ModelId): number => compare(a.namespace, b.namespace) || compare(a.name, b.name);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The models that could be read and were not taken away since, whether they serve or not. */
export class ModelIds {
  readonly #ids = new Map<string, ModelId>();
  /** Keys by name; a name stays when its last model is removed. */
  readonly #named = new Map<string, Set<string>>();

  /** @param repeats whether names may repeat */
  constructor(readonly repeats: boolean) {}

  /** The model of a key; an unknown key is a name. */
  of(key: string): ModelId {
    return this.#ids.get(key) ?? { namespace: "", name: key };
  }

  /** Stores the model of a key. */
  note(id: ModelId): void {
    this.#ids.set(idText(id), id);
  }

  add(key: string): void {
    const { name } = this.of(key);
    const keys = this.#named.get(name) ?? new Set();
    this.#named.set(name, keys.add(key));
  }

  delete(key: string): void {
    this.#named.get(this.of(key).name)?.delete(key);
  }

  /** Keys of the models of a name. */
  named(name: string): readonly string[] {
    return [...(this.#named.get(name) ?? [])];
  }

  /** The model that a request means. @throws RuntimeFault with Triton's text */
  resolve(name: string): string {
    if (!this.repeats) return name;
    const keys = this.#named.get(name);
    if (!keys) throw new UnknownModel("INVALID_ARGUMENT", `Request for unknown model: '${name}' is not found`);
    if (keys.size === 0)
      throw new RuntimeFault("NOT_FOUND", `Identifier of model '${name}' is not found in global map`);
    if (keys.size > 1)
      throw invalid(
        `There are ${keys.size} identifiers of model '${name}' in global map, model namespace must be provided to resolve ambiguity.`,
      );
    return [...keys][0]!;
  }

  /**
   * The model that another one of a repository names: that of its own repository, or the only one of the name; otherwise nothing.
   */
  near(name: string, namespace: string): string | undefined {
    if (!this.repeats) return name;
    const keys = this.named(name);
    const own = idText({ namespace, name });
    if (keys.includes(own)) return own;
    return keys.length === 1 ? keys[0] : undefined;
  }
}
