/**
 * Messages as plain typed objects: `encode("inference.ModelConfig", config)` → bytes, `decode` back. Decoded objects are complete.
 */
import protobuf, { type INamespace, type Root, type Type } from "protobufjs/light.js";
import { complete } from "./complete-message.js";
import type { Messages } from "./gen/messages.js";
import { callMessages, configMessages } from "./gen/root.js";
import type { Init, MessageName } from "./message-shape.js";

export type { Init, MessageName };

let root: Root | undefined;
const types = new Map<MessageName, Type>();

/** The reflected type of a message. */
export function messageType(name: MessageName): Type {
  let type = types.get(name);
  if (!type) {
    root ??= allMessages();
    type = root.lookupType(name);
    types.set(name, type);
  }
  return type;
}

function allMessages(): Root {
  const all = protobuf.Root.fromJSON(configMessages as INamespace);
  protobuf.Root.fromJSON(callMessages as INamespace, all).resolveAll();
  return all;
}

export function encode<K extends MessageName>(name: K, message: Init<Messages[K]>): Uint8Array {
  const type = messageType(name);
  return type.encode(type.fromObject(message as Record<string, unknown>)).finish();
}

/** @throws Error when the bytes are not such a message */
export const decode = <K extends MessageName>(name: K, bytes: Uint8Array): Messages[K] =>
  complete(name, messageType(name).decode(bytes));
