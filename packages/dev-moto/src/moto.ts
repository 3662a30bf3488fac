export interface Moto {
  /** http://127.0.0.1:port */
  readonly endpoint: string;
  /** Of a server on this machine; undefined for a container. */
  readonly pid: number | undefined;
  /** Forgets every resource of every account. */
  reset(): Promise<void>;
  /** May be called twice. */
  stop(): Promise<void>;
}

/** It cannot be started here; the message says why, and how to get it, in a line. */
export class NoMotoError extends Error {
  override readonly name = "NoMotoError";
}

export async function reset(endpoint: string): Promise<void> {
  await fetch(`${endpoint}/moto-api/reset`, { method: "POST" });
}
