const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|::1)$/;

/** Tells whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
