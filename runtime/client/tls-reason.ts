/** The text of OpenSSL's error about a handshake, without its error number, source file and line. */
export const tlsReason = ({ message }: Error): string =>
  /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(message)?.[1] ?? message.trim();
