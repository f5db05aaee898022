import { it } from "@std/testing/bdd";

/** Whether all is to be tried that there is, and not what five minutes allow. */
export const isAll = Deno.env.get("LEMBRO_RUNTIMES") === "all";

/** For what only the full matrix tries: `it`, which else leaves it out. */
export const itInAll: (name: string, test: () => void | Promise<void>) => void = isAll
  ? it
  : () => {};

/** Says what a file has for {@linkcode itInAll}. */
export function leaveToAll(what: string): void {
  if (!isAll) console.log(`Left to LEMBRO_RUNTIMES=all: ${what}.`);
}
