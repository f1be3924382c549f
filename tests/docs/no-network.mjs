// Loaded before a program that must not open a connection to another machine.
import { Socket } from "node:net";

const { connect } = Socket.prototype;
Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  const host = options?.path ? "localhost" : (options?.host ?? "localhost");
  if (!/^(localhost|127\.|::1$)/.test(host)) throw new Error(`a connection to ${host}`);
  return connect.apply(this, args);
};
