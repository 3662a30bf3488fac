/** Keeps deliveries out of this machine and its network: who may register a webhook must not reach what only we can. */
import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** Everything but addresses of the public internet: loopback, private, link-local, and what leads to such. */
export function isPrivateAddress(address: string): boolean {
  return ipaddr.process(address).range() !== "unicast";
}

export class PrivateAddressError extends Error {
  constructor() {
    super("the address is private, and WEBHOOK_ALLOW_PRIVATE is not true");
    this.name = "PrivateAddressError";
  }
}

/** A host written as an address is never looked up. @throws PrivateAddressError */
export function assertPublicHost(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && isPrivateAddress(host)) throw new PrivateAddressError();
}

/**
 * For the connection itself: what is checked is what is connected to, whatever a name resolves to next time. A name with
 * one private address among others is refused.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    if (addresses.some(({ address }) => isPrivateAddress(address))) return callback(new PrivateAddressError(), "", 0);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? "", first?.family ?? 0);
  });
};
