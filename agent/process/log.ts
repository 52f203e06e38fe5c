/** A line of the agent's log: what happened, and its particulars. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;
