/**
 * Attacks with load requests, where the server is in explicit mode: configurations that name counts beyond reason.
 */
import { request } from "../../scorecard/support/http1-client.mjs";
import { concurrently, once } from "./support.mjs";

const MODEL = "echo_int32_nb";
const tensor = name => [{ name, data_type: "TYPE_INT32", dims: [4] }];
const base = {
  name: MODEL,
  backend: "identity",
  max_batch_size: 8,
  input: tensor("INPUT0"),
  output: tensor("OUTPUT0"),
};
const warmUp = more => ({
  ...base,
  model_warmup: [
    { name: "w", batch_size: 1, inputs: { INPUT0: { data_type: "TYPE_INT32", dims: [4], zero_data: true } }, ...more },
  ],
});

const load = (id, title, config) => ({
  id,
  title,
  prepare() {
    const body = Buffer.from(JSON.stringify({ parameters: { config: JSON.stringify(config) } }));
    const bytes = request("POST", `/v2/repository/models/${MODEL}/load`, { Connection: "close" }, body);
    return ({ http, until }) => concurrently(1, until, () => once(http, bytes, until));
  },
});

export const warmUpCount = load(
  "load-warm-up-count",
  "a load request with a warm-up count of 10^9",
  warmUp({ count: 1e9 }),
);
export const warmUpBatch = load(
  "load-warm-up-batch",
  "a load request with a warm-up batch size of 2^32-1",
  warmUp({ batch_size: 2 ** 32 - 1 }),
);
export const candidates = load("load-candidates", "a load request with 2^31-1 candidate sequences", {
  ...base,
  sequence_batching: { oldest: { max_candidate_sequences: 2 ** 31 - 1 } },
});
