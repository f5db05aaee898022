/** Writes of one id wait for each other: what overtakes a save comes from another process. */
export class Turns {
  /** The last write of each id that is under way. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` at once, or after the writes of `sid` that are under way. */
  async take<Result>(sid: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(sid);
    const turn = before ? before.then(work, work) : work();
    this.#last.set(sid, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(sid) === turn) this.#last.delete(sid);
    }
  }
}
