import type { CookieKinds } from "./cookie_template.ts";
import type { Lineage } from "./lineage.ts";
import type { Vault } from "./vault.ts";

/** What a store keeps, for the modules of this package that carry it elsewhere. */
export interface Contents {
  readonly vault: Vault;
  readonly cookies: CookieKinds;
  readonly lineage: Lineage;
}

/**
 * The key under which a store has its {@linkcode Contents}. Registered: the store
 * may come from the CommonJS build, and who asks from the ES modules.
 */
const CONTENTS: unique symbol = Symbol.for("express-lembro.contents");

/** Lets the modules of this package see the contents of `store`. */
export function expose(store: object, contents: Contents): void {
  Object.defineProperty(store, CONTENTS, { value: contents });
}

/** The contents of `store`, if that is one of this package. */
export function contentsOf(store: object): Contents | undefined {
  return (store as { [CONTENTS]?: Contents })[CONTENTS];
}
