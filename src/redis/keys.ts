/**
 * Under which keys things are in Redis. What one script touches is in one slot
 * of a cluster: that of the part of a key in braces, or else of the whole key.
 *
 * @module
 */

/** How the keys begin that hold something else than sessions. */
const OWN = "lembro:{";

/** How the rest of a session's key begins where its id can't stand there as it is. */
const ESCAPED = "lembro%";

/** The keys of a store with the prefix `prefix`. */
export class Keys {
  readonly prefix: string;
  /** When all sessions were cleared. */
  readonly cleared: string;
  /** Whether every session has a mark. */
  readonly adopted: string;
  /** The channel on which the processes tell each other what has ended. */
  readonly channel: string;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.cleared = `${OWN}${prefix}cleared}`;
    this.adopted = `${OWN}${prefix}adopted}`;
    this.channel = `lembro:${prefix}events`;
  }

  /** Where the session of an id is. */
  session(sid: string): string {
    const key = this.prefix + sid;
    // No other key could be put into the slot of such a one.
    const isEscaped = sid.startsWith(ESCAPED) || slotTag(key).includes("}");
    return isEscaped ? this.prefix + ESCAPED + encodeURIComponent(sid) : key;
  }

  /** The session and when it has ended, for a script. */
  ofSession(sid: string): [session: string, ended: string] {
    const key = this.session(sid);
    const tag = slotTag(key);
    return [key, tag === key ? `${OWN}${key}}:ended` : `${OWN}${tag}}:ended:${key}`];
  }

  /** The sessions and the revocations of a user, for a script. */
  ofUser(user: string): [index: string, revoked: string] {
    const index = `${OWN}${this.prefix}user:${encodeURIComponent(user)}}`;
    return [index, `${index}:revoked`];
  }

  /** The id of the session at `key`; `undefined` if something else is there. */
  sidOf(key: string): string | undefined {
    if (key.startsWith(OWN)) return undefined;
    const sid = key.slice(this.prefix.length);
    return sid.startsWith(ESCAPED) ? decodeURIComponent(sid.slice(ESCAPED.length)) : sid;
  }
}

/** The part of a key that decides about its slot. */
function slotTag(key: string): string {
  const start = key.indexOf("{") + 1;
  const end = key.indexOf("}", start);
  return start > 0 && end > start ? key.slice(start, end) : key;
}

/** Returns a text without halves of characters, as Redis keeps it. */
export function wellFormed(text: string): string {
  if (!/[\ud800-\udfff]/.test(text)) return text;
  return new TextDecoder().decode(new TextEncoder().encode(text));
}
