/**
 * What the functions among the options answer, for both stores.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { everyRequest, isNobody, isUser, type ResolvedOptions } from "../options.ts";
import { invalidResult, isThenable } from "../util/errors.ts";
import { requestOf } from "./overlaps/base_version.ts";
import { fastifyRequestOf, networkOf, UNKNOWN_ADDRESS } from "./vault/address.ts";

export const KEEP = "keep session";

/**
 * Returns the user of a session, as a string.
 *
 * @throws What the option `user` throws, and a `TypeError` if it returns no user.
 */
export function userOf(
  session: SessionData,
  sid: string,
  options: Pick<ResolvedOptions, "user">,
): string | undefined {
  const user: unknown = options.user(session, sid);
  if (isNobody(user)) return undefined;
  if (isUser(user)) return String(user);
  const rule = "user must return a string, number, bigint, null or undefined, at once";
  throw invalidResult(KEEP, rule, user);
}

/** Whether a session is protected. */
export function isProtected(
  session: SessionData,
  sid: string,
  { protect }: Pick<ResolvedOptions, "protect">,
): boolean {
  return isTrue("protect", protect(session, sid));
}

/** Returns the client address of the request of `session`. */
export function addressOf(
  session: SessionData,
  { address }: Pick<ResolvedOptions, "address">,
): string {
  const request = requestOf(session) ?? fastifyRequestOf(session);
  if (!request) return UNKNOWN_ADDRESS;
  const answer: unknown = address(request as never);
  if (!isThenable(answer)) return networkOf(answer);
  throw invalidResult(KEEP, "address must return a string or undefined, at once", answer);
}

/** Whether the request of `session` extends its life. */
export function isActivity(
  session: SessionData,
  { isActivity }: Pick<ResolvedOptions, "isActivity">,
): boolean {
  if (isActivity === everyRequest) return true;
  const request = requestOf(session);
  return !request || isTrue("isActivity", isActivity(request as never));
}

/** Reads what an option's function has answered: a promise would be true of everything. */
function isTrue(name: string, value: unknown): boolean {
  if (!isThenable(value)) return Boolean(value);
  throw invalidResult(KEEP, `${name} must return true or false, at once`, value);
}
