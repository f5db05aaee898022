/**
 * A session store for Express apps of one process: in memory, under a byte
 * limit that holds, with logouts that stick and updates that are merged. For
 * any number of processes there is `express-lembro/redis`.
 *
 * ```ts
 * import session from "express-session";
 * import lembro from "express-lembro";
 *
 * const Lembro = lembro(session);
 * const store = new Lembro({ maxSize: "4M" });
 * const middleware = session({
 *   store,
 *   secret: "change me",
 *   resave: false,
 *   saveUninitialized: false,
 * });
 * store.close();
 * ```
 *
 * @module
 */
export { lembro, lembro as default } from "./src/store.ts";
export type { Rank, SessionInfo } from "./src/core/vault/entry.ts";
export type {
  Duration,
  LembroOptions,
  ResolvedOptions,
  Serializer,
  StoreRequest,
  User,
} from "./src/options.ts";
export type {
  BadFileError,
  JournalInUseError,
  LembroError,
  LembroErrorCode,
  SessionTooLargeError,
} from "./src/util/codes.ts";
export type {
  LembroEvents,
  LembroMethods,
  LembroStats,
  LembroStore,
  RevokeOptions,
  SessionStore,
} from "./src/types.ts";
