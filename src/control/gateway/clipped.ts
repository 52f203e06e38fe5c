/** Of a condition: enough to mend the first fault, while the status stays small whatever a spec says. */
const MESSAGE_CHARS = 1_000;

/** The beginning of a message that may be made of very many faults. */
export function clipped(message: string): string {
  return message.length <= MESSAGE_CHARS ? message : `${message.slice(0, MESSAGE_CHARS)}…`;
}
