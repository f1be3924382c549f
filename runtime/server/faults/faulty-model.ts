/**
 * A loaded model → the same model, late, failing, silent or cut off as its faults say. Statistics and schedulers see a model that behaves so.
 */

import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { ConnectionCut } from "../../base/connection-cut.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { BackendRequest, BackendResponse, LoadedModel, Send } from "../contract.js";
import { cancelled } from "../scheduling/refusals.js";
import type { CheckedFault } from "./fault.js";
import type { FaultSet } from "./fault-set.js";
import { executionFault } from "./fault-texts.js";

export function faultyModel(model: LoadedModel, config: ModelConfig, faults: FaultSet): LoadedModel {
  const hits = new ModelFaults(config, faults);
  // Faults may take time, so nothing is answered at once.
  const { computeSync: _, stream, ...slow } = model;
  return {
    ...slow,
    async execute(requests, instance, clock) {
      await Promise.all(requests.slice(0, 1).map(request => hits.wait(request)));
      const faulty = await Promise.all(requests.map(request => hits.instead(request)));
      const healthy = requests.filter((_, i) => !faulty[i]);
      const answers = healthy.length > 0 ? await model.execute(healthy, instance, clock) : [];
      let next = 0;
      return faulty.map(fault => fault ?? hits.cut(answers[next++]!));
    },
    ...(stream && {
      async stream(requests, send, instance) {
        const places = await healthyPlaces(requests, send, hits);
        if (places.length === 0) return;
        const gates = places.map(i => answerGate(requests[i]!, hits, answer => send(i, answer)));
        await model.stream!(
          places.map(i => requests[i]!),
          (i, answer) => gates[i]!(answer),
          instance,
        );
      },
    }),
  };
}

/** The faults that hit a model's requests. */
class ModelFaults {
  readonly #config: ModelConfig;
  readonly #faults: FaultSet;

  constructor(config: ModelConfig, faults: FaultSet) {
    this.#config = config;
    this.#faults = faults;
  }

  hit(kind: Parameters<FaultSet["hit"]>[0]): ReturnType<FaultSet["hit"]> {
    return this.#faults.hit(kind, this.#config.name);
  }

  async wait(request: BackendRequest): Promise<void> {
    const [slowest] = this.hit("delayMs")
      .map(({ delayMs }) => this.#faults.draw(delayMs!))
      .sort((a, b) => b - a);
    if (slowest !== undefined) await this.#faults.clock.sleep(slowest, request.signal);
  }

  failing(): RuntimeFault | undefined {
    const [hit] = this.hit("error");
    return hit && executionFault(hit.error!.code, hit.error!.message, this.#config);
  }

  /** Until the client gives up or the fault is taken away. */
  async stalled(fault: CheckedFault, { signal }: BackendRequest): Promise<void> {
    const given = new Promise<void>(resolve => signal?.addEventListener("abort", resolve, { once: true }));
    await Promise.race([given, this.#faults.gone(fault)]);
    if (signal?.aborted) throw cancelled();
  }

  /** Replaces the answer, before the model runs. */
  async instead(request: BackendRequest): Promise<RuntimeFault | undefined> {
    try {
      const [stall] = this.hit("stall");
      if (stall) await this.stalled(stall, request);
    } catch (error) {
      return RuntimeFault.from(error);
    }
    if (this.hit("drop").length > 0) return new ConnectionCut();
    return this.failing();
  }

  cut(answer: BackendResponse | RuntimeFault): BackendResponse | RuntimeFault {
    if (answer instanceof Error) return answer;
    const [fault] = this.hit("truncate");
    return fault ? { ...answer, cut: fault.truncate! } : answer;
  }
}

/** Requests that the model gets, after their delays; the others are answered with their faults. */
async function healthyPlaces(requests: readonly BackendRequest[], send: Send, hits: ModelFaults): Promise<number[]> {
  const places: number[] = [];
  await Promise.all(
    requests.map(async (request, i) => {
      await hits.wait(request);
      const fault = hits.failing();
      if (!fault) {
        places.push(i);
        return;
      }
      send(i, fault);
      send(i, undefined);
    }),
  );
  return places;
}

type SendAnswer = (answer: Parameters<Send>[1]) => void;

/** Lets the first answers of a stream through, and then cuts it or keeps still. */
function answerGate(request: BackendRequest, hits: ModelFaults, send: SendAnswer): SendAnswer {
  const [drop] = hits.hit("drop");
  const [stall] = hits.hit("stall");
  let sent = 0;
  let held: Promise<void> | undefined;
  let dropped = false;
  const pass: SendAnswer = answer => {
    if (dropped && answer !== undefined) return;
    if (drop && !dropped && sent >= drop.drop!.after) {
      dropped = true;
      send(new ConnectionCut());
      if (answer === undefined) send(undefined);
      return;
    }
    sent++;
    send(answer instanceof Error || answer === undefined ? answer : (hits.cut(answer) as BackendResponse));
  };
  return answer => {
    if (held)
      inBackground(
        held.then(() => pass(answer)),
        "passing a held answer on",
      );
    else if (stall && sent >= stall.stall!.after)
      held = hits.stalled(stall, request).then(
        () => pass(answer),
        () => pass(undefined),
      );
    else pass(answer);
  };
}
