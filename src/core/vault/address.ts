import ipaddr from "ipaddr.js";
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";

/** Stands for the clients of all sessions that were saved without a request, or without an address. */
export const UNKNOWN_ADDRESS = "";

/** How long the text of an address can be: an IPv6 address with a zone and a port. */
const MAX_LENGTH = 100;

/** The first 96 bits of IPv4 addresses that a gateway has translated to IPv6: `64:ff9b::/96`. */
const TRANSLATED = "100:65435:0:0:0:0";

/** Returns the request that a session of Fastify belongs to: it is under a symbol of its own. */
export function fastifyRequestOf(session: SessionData): object | undefined {
  const symbol = Object.getOwnPropertySymbols(session).find((one) => one.description === "request");
  const request: unknown = symbol && (session as unknown as Record<symbol, unknown>)[symbol];
  return isObject(request) ? request : undefined;
}

/**
 * Returns the client that an address stands for: an IPv4 address, or the /56 of
 * an IPv6 address, since one client may have all of that. A port and a zone do
 * not matter. What is no address is unknown.
 */
export function networkOf(address: unknown): string {
  if (typeof address !== "string" || address.length > MAX_LENGTH) return UNKNOWN_ADDRESS;
  const [, inBrackets, beforePort] = /^(?:\[(.*)\](?::\d+)?|([^:]*):\d+)$/.exec(address) ?? [];
  const v4 = beforePort ?? address;
  // The pieces are joined anew: a part of a header would hold on to the whole of it.
  if (inBrackets === undefined && ipaddr.IPv4.isValidFourPartDecimal(v4)) {
    return v4.split(".").join(".");
  }
  const [v6] = (inBrackets ?? address).split("%");
  // Most of what is no address is seen at once: to have it refused takes an error each time.
  if (!/^[\da-f:.]+$/i.test(v6) || !v6.includes(":")) return UNKNOWN_ADDRESS;
  let parsed: ipaddr.IPv6;
  try {
    parsed = ipaddr.IPv6.parse(v6);
  } catch {
    return UNKNOWN_ADDRESS;
  }
  const { parts } = parsed;
  if (parsed.isIPv4MappedAddress() || parts.slice(0, 6).join(":") === TRANSLATED) {
    return parts.slice(6).flatMap((part) => [part >> 8, part & 0xff]).join(".");
  }
  return [...parts.slice(0, 3), parts[3] & 0xff00].map((part) => part.toString(16)).join(":");
}
