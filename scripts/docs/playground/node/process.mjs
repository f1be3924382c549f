// The parts that the compiler and TypeScript read of Node's `process`.
const noop = () => {};
export const process = {
  versions: { node: "22.22.0" },
  version: "v22.22.0",
  platform: "linux",
  arch: "x64",
  env: {},
  argv: [],
  execArgv: [],
  stdout: { isTTY: false, write: noop },
  stderr: { isTTY: false, write: noop },
  pid: 1,
  cwd: () => "/project",
  nextTick: (work, ...args) => queueMicrotask(() => work(...args)),
  memoryUsage: () => ({ heapUsed: 0 }),
  hrtime: Object.assign(() => [0, 0], { bigint: () => BigInt(Math.round(performance.now() * 1e6)) }),
  emitWarning: noop,
  on: noop,
  once: noop,
  off: noop,
  removeListener: noop,
  umask: () => 0o022,
  getuid: () => 0,
  getgid: () => 0,
};
export default process;
