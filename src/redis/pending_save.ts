// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { dateOf } from "../core/record/expiry.ts";
import { parse } from "../core/record/record.ts";
import type { Serializer } from "../options.ts";
import type { BaseVersion } from "./base_version.ts";

/** A save, as it was when it was called. */
export class PendingSave {
  /** The date of its cookie, in milliseconds since the epoch. */
  readonly date: number | undefined;
  #session: SessionData | undefined;
  #isParsed = false;

  /**
   * @param text What the serializer wrote of `live`.
   * @param readBack What will be read back of it; as long as `live` is as it was.
   * @param base Where its session comes from: at the call, and then when it is its turn.
   * @param begin When its request began.
   * @param isPassive Whether its request is no activity: it leaves life, rank and last use as they are.
   * @param isUpdate Whether it is an update, which leaves them as well.
   */
  constructor(
    readonly sid: string,
    readonly live: SessionData,
    readonly text: string,
    readonly serializer: Serializer,
    readBack: SessionData,
    public base: BaseVersion | undefined,
    readonly begin: number,
    readonly isPassive: boolean,
    readonly isUpdate: boolean,
  ) {
    this.#session = readBack;
    this.date = dateOf(readBack.cookie);
  }

  /** What will be read back of it: for the app's functions, and for a merge. */
  get session(): SessionData {
    return this.#session ?? this.parsed;
  }

  /** The same, as an object of its own. */
  get parsed(): SessionData {
    if (!this.#isParsed || !this.#session) this.#session = parse(this.text, this.serializer);
    this.#isParsed = true;
    return this.#session;
  }

  /** To be called at the end of the call: the request may change its session from now on. */
  leaveLive(): void {
    if (!this.#isParsed) this.#session = undefined;
  }
}
