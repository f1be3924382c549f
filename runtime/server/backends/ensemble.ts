/**
 * Triton's ensembles as a backend: a model whose execution is a graph of calls to other models of the same server.
 */
import { type RuntimeFault as Fault, internal, RuntimeFault } from "../../base/errors.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import { validateCache } from "../models/validate.js";
import type { Backend } from "./backend.js";
import { checkEnsemble } from "./ensemble/check.js";
import { ensembleGraph } from "./ensemble/graph.js";
import { ensembleRun, runEnsemble } from "./ensemble/run.js";

export const ensembleBackend: Backend = {
  async dependencies(_folder, config) {
    return [...new Set(config.ensemble_scheduling?.step.map(step => step.model_name) ?? [])];
  },
  async load({ config, server, log }) {
    const graph = ensembleGraph(
      config,
      (model, version, near) => server.config(model, version, near).model_transaction_policy?.decoupled === true,
    );
    checkEnsemble(config, graph, server);
    const { decoupled } = graph;
    const dependencies = graph.steps.map(({ model, version, namespace }) => ({ model, version, near: namespace }));
    const run = ensembleRun(config, graph, server, dependencies, tensor =>
      log?.verbose("ensemble_scheduler", `Composing models did not output tensor ${tensor}`),
    );
    const limit = config.ensemble_scheduling?.max_inflight_requests ?? 0;
    if (limit > 0)
      log?.info(
        "ensemble_scheduler",
        `Ensemble model '${config.name}' configured with max_inflight_requests: ${limit}`,
      );
    const served = { ...config, model_transaction_policy: { decoupled } };
    validateCache(served);
    const execute = (requests: readonly BackendRequest[]): Promise<(BackendResponse | Fault)[]> =>
      Promise.all(requests.map(request => once(request)));
    const once = async (request: BackendRequest): Promise<BackendResponse | Fault> => {
      let response: BackendResponse | undefined;
      try {
        await runEnsemble(run, request, given => {
          response ??= given;
        });
      } catch (error) {
        return RuntimeFault.from(error);
      }
      return response ?? internal("expected a single response, got 0");
    };
    // Its members say for themselves what they keep.
    if (!decoupled) return { config: served, dependencies, execute, keepsNothing: true };
    return {
      config: served,
      dependencies,
      execute,
      async stream(requests, send) {
        await Promise.all(
          requests.map((request, i) =>
            runEnsemble(run, request, response => send(i, response)).then(() => send(i, undefined)),
          ),
        );
      },
    };
  },
};
