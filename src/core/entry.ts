/**
 * The plain types that the modules of the core share.
 *
 * @module
 */

/**
 * How well a session is known, which decides how soon it is evicted: newcomers
 * have not been asked for since they were created, returning sessions have, and
 * protected sessions are those that the option `protect` names.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type Rank } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * await store.get("a");
 * const ranks: Rank[] = ["newcomers", "returning", "protected"];
 * assertEquals(ranks.map((rank) => store.stats()[rank]), [0, 1, 0]);
 * ```
 */
export type Rank = "newcomers" | "returning" | "protected";

/** The ranks, from the first to be evicted to the last. */
export const RANKS: readonly Rank[] = ["newcomers", "returning", "protected"];

/** Why a session left the vault. */
export type Reason = "destroy" | "evict" | "expire";
