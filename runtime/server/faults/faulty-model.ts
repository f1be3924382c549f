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
  const { name } = config;
  const wait = async (request: BackendRequest): Promise<void> => {
    const [slowest] = faults
      .hit("delayMs", name)
      .map(({ delayMs }) => faults.draw(delayMs!))
      .sort((a, b) => b - a);
    if (slowest !== undefined) await faults.clock.sleep(slowest, request.signal);
  };
  const failing = (): RuntimeFault | undefined => {
    const [hit] = faults.hit("error", name);
    return hit && executionFault(hit.error!.code, hit.error!.message, config);
  };
  /** Until the client gives up or the fault is taken away. */
  const stalled = async (fault: CheckedFault, { signal }: BackendRequest): Promise<void> => {
    const given = new Promise<void>(resolve => signal?.addEventListener("abort", resolve, { once: true }));
    await Promise.race([given, faults.gone(fault)]);
    if (signal?.aborted) throw cancelled();
  };

  /** Replaces the answer, before the model runs. */
  const instead = async (request: BackendRequest): Promise<RuntimeFault | undefined> => {
    try {
      const [stall] = faults.hit("stall", name);
      if (stall) await stalled(stall, request);
    } catch (error) {
      return RuntimeFault.from(error);
    }
    if (faults.hit("drop", name).length > 0) return new ConnectionCut();
    return failing();
  };
  const cut = (answer: BackendResponse | RuntimeFault): BackendResponse | RuntimeFault => {
    if (answer instanceof Error) return answer;
    const [fault] = faults.hit("truncate", name);
    return fault ? { ...answer, cut: fault.truncate! } : answer;
  };

  // Faults may take time, so nothing is answered at once.
  const { computeSync: _, ...slow } = model;
  return {
    ...slow,
    async execute(requests, instance, clock) {
      await Promise.all(requests.slice(0, 1).map(wait));
      const faulty = await Promise.all(requests.map(instead));
      const healthy = requests.filter((_, i) => !faulty[i]);
      const answers = healthy.length > 0 ? await model.execute(healthy, instance, clock) : [];
      let next = 0;
      return faulty.map(fault => fault ?? cut(answers[next++]!));
    },
    ...(model.stream && {
      async stream(requests, send, instance) {
        const places: number[] = [];
        await Promise.all(
          requests.map(async (request, i) => {
            await wait(request);
            const fault = failing();
            if (!fault) {
              places.push(i);
              return;
            }
            send(i, fault);
            send(i, undefined);
          }),
        );
        if (places.length === 0) return;
        const gates = places.map(i => answerGate(requests[i]!, answer => send(i, answer)));
        await model.stream!(
          places.map(i => requests[i]!),
          (i, answer) => gates[i]!(answer),
          instance,
        );
      },
    }),
  };

  /** Lets the first answers of a stream through, and then cuts it or keeps still. */
  function answerGate(request: BackendRequest, send: (answer: Parameters<Send>[1]) => void): typeof send {
    const [drop] = faults.hit("drop", name);
    const [stall] = faults.hit("stall", name);
    let sent = 0;
    let held: Promise<void> | undefined;
    let dropped = false;
    const pass = (answer: Parameters<Send>[1]): void => {
      if (dropped && answer !== undefined) return;
      if (drop && !dropped && sent >= drop.drop!.after) {
        dropped = true;
        send(new ConnectionCut());
        if (answer === undefined) send(undefined);
        return;
      }
      sent++;
      send(answer instanceof Error || answer === undefined ? answer : (cut(answer) as BackendResponse));
    };
    return answer => {
      if (held)
        inBackground(
          held.then(() => pass(answer)),
          "passing a held answer on",
        );
      else if (stall && sent >= stall.stall!.after)
        held = stalled(stall, request).then(
          () => pass(answer),
          () => pass(undefined),
        );
      else pass(answer);
    };
  }
}
