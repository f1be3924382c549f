/** The start of the messages that the core raises: which request is meant. */
export const requestPrefix = (id: string): string => `[request id: ${id || "<id_unknown>"}] `;
