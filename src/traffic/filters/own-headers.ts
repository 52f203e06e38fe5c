/** Of one connection and never passed on (RFC 9110, section 7.6.1), beside what `Connection` names. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Obsolete, and asks the server to change its protocol.
  'http2-settings',
]);

/**
 * Headers that no filter may change: those of the connection and what says where a message ends, which the runtime writes;
 * Host, which is that of the upstream's address; and Via, by which a gateway notices that a request comes to it again.
 */
export const RESERVED_HEADERS: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-length', 'host', 'via']);
