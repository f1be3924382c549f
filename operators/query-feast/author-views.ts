/** The views and features that `queryFeast` means: by view, by several views, or by feature service. */

import { z } from "zod";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { type FeastFeature, type FeastView, findView, projectedView } from "../../formats/feast/feast-registry.js";
import type { FeastRepository } from "../../formats/feast/feast-repository.js";
import type { Call } from "../shared/author/define-op.js";

/** Options of `queryFeast`, as the author wrote them. */
export const feastAuthor = z.strictObject({
  repository: z.string().min(1),
  view: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  service: z.string().min(1).optional(),
  entityColumn: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  includeId: z.boolean().default(false),
  fullNames: z.boolean().default(false),
  prefix: z.string().default(""),
  features: z.array(z.string()).optional(),
  onMissing: OP_PARAMS.queryFeast.shape.onMissing,
  ttl: OP_PARAMS.queryFeast.shape.ttl,
  bytes: OP_PARAMS.queryFeast.shape.bytes,
  memoryMb: OP_PARAMS.queryFeast.shape.memoryMb,
  timeoutMs: OP_PARAMS.queryFeast.shape.timeoutMs,
});

export type FeastAuthor = z.output<typeof feastAuthor>;

export interface FeastViews {
  /** How the look-up is called in messages. */
  readonly label: string;
  readonly views: readonly FeastView[];
  /** As a plan has them: one name, or several. */
  readonly names: string | string[];
  /** Those among them that are other names of views; undefined where none is. */
  readonly aliases: Record<string, { view: string; joinKeys: Record<string, string> }> | undefined;
  readonly features: readonly {
    readonly feature: FeastFeature;
    readonly name: string;
    /** The name of its view. */
    readonly view: string;
    /** As a plan has it: the name, with its view where there are several. */
    readonly reference: string;
  }[];
}

interface Chosen {
  readonly view: FeastView;
  readonly features: readonly string[];
}

/** Reports what the registry does not have. */
export function feastViews(call: Call<FeastAuthor>, repository: FeastRepository): FeastViews | undefined {
  const { view, service } = call.params;
  if ((view === undefined) === (service === undefined))
    return call.fail(
      messages.feastWhichView({ views: listNames(repository.registry.views.map(v => v.name)) }),
      "right",
    );
  const all = service === undefined ? byView(call, repository, [view!].flat()) : byService(call, repository, service);
  if (!all) return undefined;
  const label = `\`queryFeast\` of ${service === undefined ? all.map(c => `view \`${c.view.name}\``).join(", ") : `service \`${service}\``}`;
  const chosen = choose(call, all);
  if (!chosen) return undefined;
  const several = chosen.length > 1;
  const features = chosen.flatMap(({ view, features }) =>
    features.map(name => ({ view, name, feature: view.features.find(f => f.name === name)! })),
  );
  const odd = features.find(({ feature }) => feature.type === null);
  if (odd)
    return call.fail(
      messages.feastValueUnsupported({ feature: odd.name, view: odd.view.name, type: odd.feature.typeNumber }),
      "right",
    );
  return {
    label,
    views: chosen.map(c => c.view),
    aliases: aliasesOf(chosen),
    names: several ? chosen.map(c => c.view.name) : chosen[0]!.view.name,
    features: features.map(({ view, name, feature }) => ({
      feature,
      name,
      view: view.name,
      reference: several ? `${view.name}:${name}` : name,
    })),
  };
}

function aliasesOf(chosen: readonly Chosen[]): FeastViews["aliases"] {
  const aliased = chosen.flatMap(({ view }) => (view.aliasOf === undefined ? [] : [{ ...view, view: view.aliasOf }]));
  if (aliased.length === 0) return undefined;
  return Object.fromEntries(
    aliased.map(({ name, view, joinKeys }) => [
      name,
      {
        view,
        joinKeys: Object.fromEntries(joinKeys.flatMap(key => (key.asked === undefined ? [] : [[key.name, key.asked]]))),
      },
    ]),
  );
}

function byView(
  call: Call<FeastAuthor>,
  { registry }: FeastRepository,
  names: readonly string[],
): Chosen[] | undefined {
  const chosen = [...new Set(names)].map(name => {
    const view = findView(registry, name);
    if (view) return { view, features: view.features.map(f => f.name) };
    const views = registry.views.map(v => v.name);
    return call.fail(
      messages.feastViewMissing({
        path: call.params.repository,
        view: name,
        views: listNames(views),
        suggestion: suggest(name, views),
      }),
      { literal: name },
    );
  });
  return chosen.every(c => c !== undefined) ? chosen : undefined;
}

function byService(call: Call<FeastAuthor>, { registry }: FeastRepository, name: string): Chosen[] | undefined {
  const service = registry.services.find(s => s.name === name);
  if (!service) {
    const services = registry.services.map(s => s.name);
    return call.fail(
      messages.feastServiceMissing({
        path: call.params.repository,
        service: name,
        services: listNames(services),
        suggestion: suggest(name, services),
      }),
      { literal: name },
    );
  }
  const chosen: Chosen[] = [];
  for (const projection of service.views) {
    const view = projectedView(registry, projection);
    if (!view)
      return call.fail(messages.feastServiceUnsupported({ service: name, view: projection.view }), { literal: name });
    chosen.push({ view, features: projection.features });
  }
  return chosen;
}

/** Narrows to the author's `features`: names, or `view:feature`. */
function choose(call: Call<FeastAuthor>, all: readonly Chosen[]): Chosen[] | undefined {
  const { features } = call.params;
  if (!features) return [...all];
  const references = all.flatMap(c => c.features.flatMap(f => [f, `${c.view.name}:${f}`]));
  const unknown = features.find(name => !references.includes(name));
  if (unknown !== undefined) {
    const names = all.flatMap(c => c.features);
    return call.fail(
      messages.feastFeatureMissing({
        path: call.params.repository,
        view: all.map(c => c.view.name).join("`, `"),
        feature: unknown,
        known: listNames(names),
        suggestion: suggest(unknown, names),
      }),
      { literal: unknown },
    );
  }
  return all
    .map(({ view, features: of }) => ({
      view,
      features: of.filter(f => features.includes(f) || features.includes(`${view.name}:${f}`)),
    }))
    .filter(c => c.features.length > 0);
}
