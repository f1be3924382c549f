/** Finds data that a SQLite store of `queryFeast` lacks for every request: its rows, or the candidates of the index before it. */
import * as messages from "../../compiler/diagnostics/messages.js";
import type { FeastView } from "../../formats/feast/feast-registry.js";
import type { FeastRepository } from "../../formats/feast/feast-repository.js";
import { type KnownKeys, lookInStore } from "../../formats/feast/sqlite-keys.js";
import type { Bound } from "../shared/author/bound.js";
import type { Call, Candidates } from "../shared/author/define-op.js";
import type { FeastAuthor } from "./author-views.js";
import { missingRule } from "./spec.js";

/** Ids that are looked at, spread over the index: a check of a million would take longer than the compilation. */
const LOOKED_AT = 1000;

interface LookUp {
  readonly views: readonly FeastView[];
  /** The column of the key, where there is one. */
  readonly key: Bound | undefined;
  /** Names of the columns that the look-up answers, and of their features. */
  readonly features: readonly { readonly column: string; readonly feature: string }[];
}

/**
 * Reports views without a table or rows, and candidates of an index that are not in a view. If all are missing it is an error. It is a
 * warning if a missing one fails its request. Stores beyond this machine are not looked at.
 * @returns false after an error
 */
export function checkStore(call: Call<FeastAuthor>, repository: FeastRepository, lookUp: LookUp): boolean {
  const { onlineStore, keyVersion } = repository;
  if (onlineStore.type !== "sqlite") return true;
  const candidates = lookUp.key && call.candidatesIn(lookUp.key);
  return lookInStore(onlineStore.file, look =>
    lookUp.views.every(view => {
      const found = look(view, keyVersion);
      if (found === "unread") return true;
      if (typeof found === "string") return reportEmpty(call, view, found);
      return !candidates || view.joinKeys.length !== 1 || checkIds(call, view, lookUp, found, candidates);
    }),
  );
}

const EMPTY = { "no file": "does not exist", "no table": "has no table", "no rows": "has no rows" } as const;

/** Tests may serve a store that is filled later: one with the tables of `feast apply`, and nothing in them. */
function reportEmpty(call: Call<FeastAuthor>, view: FeastView, found: keyof typeof EMPTY): boolean {
  const path = call.params.repository;
  const what = found === "no file" ? EMPTY[found] : `${EMPTY[found]} of it`;
  const report = found === "no rows" ? call.warn : call.fail;
  report(messages.feastNotMaterialized({ path, view: view.name, what }), { literal: path });
  return found === "no rows";
}

function checkIds(
  call: Call<FeastAuthor>,
  view: FeastView,
  { features }: LookUp,
  known: KnownKeys,
  candidates: Candidates,
): boolean {
  const { repository: path, onMissing } = call.params;
  const ids = candidates.some(LOOKED_AT);
  const missing = known.missing(ids);
  const isError = missing.length === ids.length;
  const endsRequests = features.some(({ column, feature }) => missingRule(onMissing, column, feature) === "error");
  if (missing.length === 0 || !(isError || endsRequests)) return true;
  const message = messages.feastIdsUnknown({
    path,
    view: view.name,
    index: candidates.path,
    unknown: isError ? "None" : missing.length,
    seen: ids.length,
    have: isError ? "has a row" : missing.length === 1 ? "has no row" : "have no row",
    example: String(missing[0]),
    positions: candidates.arePositions ? " The index has no ids of its own: it answers positions, from 0 on." : "",
    way: candidates.arePositions
      ? "Build it with the items' ids: `merlon index build --data embeddings.parquet --id item_id --embedding embedding`."
      : `Make index and store from the same items${endsRequests && !isError ? ', or say with `onMissing` what an unknown item becomes (`"drop"` leaves it out)' : ""}.`,
  });
  (isError ? call.fail : call.warn)(message, { literal: path });
  return !isError;
}
