/**
 * The runtime's public side: start a server inside your own process.
 * @example const server = await serve({ modelRepositories: ["model-repo"], http: { port: 0 }, grpc: { port: 0 }, metrics: false });
 */
export { serve } from "./lifecycle/server.js";
export type { RunningServer, ServeOptions } from "./lifecycle/server-options.js";
