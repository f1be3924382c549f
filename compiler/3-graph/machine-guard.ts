/**
 * Values of the machine and of the moment, which the files of a program must not read: the same program compiles to the same plan. Packages
 * that it imports may, for example to measure time.
 */

/** Thrown at the author's line. */
export class MachineRead extends Error {
  /** @param value as the author wrote it */
  constructor(readonly value: string) {
    super(`it reads \`${value}\``);
  }
}

/** The URL of the first function in a stack that has one. */
function callerIn(stack: string): string {
  for (const line of stack.split("\n")) {
    const from = line.search(/[ (](?:file|node|data):/) + 1;
    if (from > 0) return line.slice(from, line.lastIndexOf(":", line.lastIndexOf(":") - 1));
  }
  return "";
}

/** Replaces these globals of the thread. @param isProgram whether a module, by its URL, is one of the program's */
export function guardMachine(isProgram: (url: string) => boolean): void {
  /** @param trap the function that the caller called */
  const refuse = (value: string, trap: Callable): void => {
    const at: { readonly stack: string } = { stack: "" };
    Error.captureStackTrace(at, trap);
    // Functions of the engine in between, such as `Array.from`, have no file.
    if (isProgram(callerIn(at.stack))) throw new MachineRead(value);
  };
  const guarded = <T>(value: string, read: () => T): (() => T) => {
    const trap = (): T => {
      refuse(value, trap);
      return read();
    };
    return trap;
  };
  Math.random = guarded("Math.random()", Math.random);
  Date.now = guarded("Date.now()", Date.now);
  const traps: ProxyHandler<DateConstructor> = {
    construct(target, given, made) {
      if (given.length === 0) refuse("new Date()", traps.construct!);
      return Reflect.construct(target, given, made) as Date;
    },
    apply(target) {
      refuse("Date()", traps.apply!);
      return target();
    },
  };
  const guardedDate = new Proxy(Date, traps);
  Object.defineProperty(Date.prototype, "constructor", { value: guardedDate, writable: true, configurable: true });
  globalThis.Date = guardedDate;
  for (const name of ["process", "performance", "crypto"] as const) {
    const global = Object.getOwnPropertyDescriptor(globalThis, name)!;
    const get = guarded(name, () => (global.get ? Reflect.apply(global.get, globalThis, []) : global.value) as unknown);
    Object.defineProperty(globalThis, name, { ...(global.set && { set: global.set }), get, configurable: true });
  }
}

type Callable = (...given: never) => unknown;
