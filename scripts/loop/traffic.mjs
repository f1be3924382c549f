// A served repository and the requests of a simulated day. Items of the responses are clicked on by chance, and clicks are events with request ids.
import { connect } from "../../dist/runtime/client/index.js";
import { serve } from "../../dist/runtime/server/index.js";
import { randomOf } from "./world.mjs";

/** Requests under way at once. */
const AT_ONCE = 16;
const loopback = { address: "127.0.0.1", port: 0 };

/**
 * Serves a repository with an exposure log, sends one request for each visit, and stops.
 * @returns lines of a CSV file: a header, and a line for each click
 */
export async function serveVisits({ repository, exposures, world, visits, seed, name }) {
  const server = await serve({
    modelRepositories: [repository],
    ...{ http: loopback, grpc: loopback, metrics: loopback },
    exposures: { folder: exposures },
    log: { info: false },
    writeLog: text => process.stderr.write(text),
  });
  const events = [];
  try {
    const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
    const draw = randomOf(seed);
    const users = Array.from({ length: visits }, () => world.users[Math.floor(draw() * world.users.length)]);
    let next = 0;
    const visit = async () => {
      while (next < visits) {
        const number = next++;
        const user = users[number];
        const id = `${name}-${number}`;
        const answer = await client.infer(
          "shop",
          { user_id: [BigInt(user.id)], taste: [[...user.taste]] },
          { requestId: id },
        );
        const shown = answer.ordered_ids.data;
        // Clicks depend on the visit alone, so that they do not depend on the order of answers.
        const click = randomOf(seed * 100_003 + number);
        const time = new Date(Date.now() + 1000).toISOString();
        for (let position = 0; position < shown.length; position++)
          if (world.clicks(user, Number(shown[position]), position, click))
            events.push(`${id},${shown[position]},${time},click`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visit));
    await client.close();
  } finally {
    await server.stop();
  }
  return ["request_id,item,time,event", ...events];
}
