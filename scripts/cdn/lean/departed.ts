import type { Life } from "../../../src/core/lineage.ts";

/** In place of `src/departed.ts`: where few sessions leave, each may have a weak reference. */
export class Departed {
  readonly #lives = new Map<string, WeakRef<Life>>();
  readonly #collected = new FinalizationRegistry((sid: string) => {
    if (!this.#lives.get(sid)?.deref()) this.#lives.delete(sid);
  });

  add(life: Life): void {
    this.#lives.set(life.sid, new WeakRef(life));
    this.#collected.register(life, life.sid);
  }

  take(sid: string): Life | undefined {
    const life = this.#lives.get(sid);
    this.#lives.delete(sid);
    return life?.deref();
  }
}
