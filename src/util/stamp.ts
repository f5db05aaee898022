/** What its owner has noted on an object. */
export interface Note {
  readonly owner: object;
  /** What others have noted on the same object; {@linkcode Stamp.put} sets it. */
  other: Note | undefined;
}

/** A class adds its private fields to whatever object its base returns. */
class Foreign {
  constructor(object: object) {
    return object;
  }
}

/**
 * What stores note on objects that belong to somebody else, where nobody but
 * they can see it: in a private field. A `WeakMap` would do the same, but make
 * `get` a third slower, and the garbage collector with it. That takes as long as it
 * saves with requests, each of which has a shape of its own in Express.
 */
export class Stamp extends Foreign {
  #latest: Note;

  private constructor(object: object, note: Note) {
    super(object);
    this.#latest = note;
  }

  /** Returns what `owner` has noted on `object`. */
  static find(object: object, owner: object): Note | undefined {
    let note = Stamp.#on(object);
    while (note && note.owner !== owner) note = note.other;
    return note;
  }

  /** Puts `note` on `object`, in place of what its owner has noted there before. */
  static put(object: object, note: Note): void {
    note.other = without(Stamp.#on(object), note.owner);
    Stamp.#set(object, note);
  }

  /** Puts all that is noted on `from` on `to`. */
  static copy(from: object, to: object): void {
    const note = Stamp.#on(from);
    if (note) Stamp.#set(to, note);
  }

  static #on(object: object): Note | undefined {
    return #latest in object ? object.#latest : undefined;
  }

  static #set(object: object, note: Note): void {
    if (#latest in object) object.#latest = note;
    else if (Object.isExtensible(object)) new Stamp(object, note);
  }
}

/** Returns the notes of others than `owner`, who has one at most. */
function without(note: Note | undefined, owner: object): Note | undefined {
  if (!note || note.owner === owner) return note?.other;
  const other = without(note.other, owner);
  return other === note.other ? note : { ...note, other };
}
