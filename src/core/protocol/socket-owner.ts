/**
 * The header by which an object learns whose WebSocket it opens: the name of the subject, as `key:{keyId}`. The door sets
 * it on every upgrade, whatever the client said.
 */
export const SOCKET_OWNER = 'x-orasi-subject';

/** Close code, in the range left to applications (RFC 6455, section 7.4.2): the key it was opened with was revoked. */
export const CLOSED_REVOKED = 4006;
