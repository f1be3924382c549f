// Modules of Node that a browser has no counterpart of: nothing in the playground calls them.
export class Worker {}
export class Session {}
export const isMainThread = true;
export const parentPort = null;
export const workerData = undefined;
export const threadId = 0;
export const spawn = undefined;
export const spawnSync = undefined;
export const execFile = undefined;
export const tmpdir = () => "/tmp";
export const availableParallelism = () => 1;
export const cpus = () => [];
export const hostname = () => "browser";
export const homedir = () => "/";
export const platform = () => "linux";
export const EOL = "\n";
export const inspect = value => String(value);
export const promisify = call => call;
export const AsyncLocalStorage = class {};
export const performance = globalThis.performance;
export default {};
