import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Endings } from "../../src/core/overlaps/endings.ts";
import { Lineage, requestOf } from "../../src/core/overlaps/base_version.ts";
import type { Note } from "../../src/util/stamp.ts";
import { entryOf } from "../support/core.ts";
import { session, sessionOf } from "../support/setup.ts";

describe("Lineage", () => {
  it("of: knows a loaded session under its own id only", () => {
    const lineage = new Lineage(new Endings(() => 0));
    const loaded = sessionOf();
    lineage.loaded(loaded, entryOf("a"), 0);
    assert(lineage.of(loaded, "a"));
    assertEquals(lineage.of(loaded, "b"), undefined);
    assertEquals(lineage.of({ ...loaded }, "a"), undefined, "a copy is plain data");
    assertEquals(
      new Lineage(new Endings(() => 0)).of(loaded, "a"),
      undefined,
      "another store knows nothing of it",
    );
  });

  it("leaves no trace on a session that anybody could see", () => {
    const lineage = new Lineage(new Endings(() => 0));
    const loaded = sessionOf({ n: 1 }, {});
    lineage.loaded(loaded, entryOf("a"), 0);
    assertEquals(Reflect.ownKeys(loaded), ["cookie", "n"]);
    assertEquals(JSON.stringify(loaded), '{"cookie":{},"n":1}');
    assertEquals(Object.getPrototypeOf(loaded), Object.prototype);
  });

  it("does without an origin for a session that is frozen", () => {
    const lineage = new Lineage(new Endings(() => 0));
    const frozen = Object.freeze(sessionOf());
    lineage.loaded(frozen, entryOf("a"), 0);
    assertEquals(lineage.of(frozen, "a"), undefined);
  });

  it("keeps the latest origin in each of several stores", () => {
    const [here, there] = [new Lineage(new Endings(() => 0)), new Lineage(new Endings(() => 0))];
    const loaded = sessionOf();
    const entry = entryOf("a");
    here.loaded(loaded, entry, 0);
    there.loaded(loaded, entryOf("b"), 0);
    for (let i = 0; i < 5; i++) {
      here.loaded(loaded, entry, i);
      there.loaded(loaded, entryOf("c"), i);
    }
    assertEquals([here.originOf(loaded)?.life.sid, there.originOf(loaded)?.life.sid], ["a", "c"]);
    assertEquals(here.originOf(loaded)?.epoch, 4);
    let length = 0;
    for (let note: Note | undefined = there.originOf(loaded); note; note = note.other) length++;
    assertEquals(length, 2, "it does not grow by each save");
  });

  it("copied: gives a Session the origin of the data that it was made of", () => {
    const lineage = new Lineage(new Endings(() => 0));
    const [loaded, made] = [sessionOf(), sessionOf()];
    lineage.loaded(loaded, entryOf("a"), 0);
    lineage.copied(loaded, made);
    assert(lineage.of(made, "a") === lineage.of(loaded, "a"));
    lineage.copied(sessionOf(), sessionOf());
  });

  it("end, and a clear: are over for all that was ever loaded", () => {
    const endings = new Endings(() => 0);
    const lineage = new Lineage(endings);
    const [a, b] = [entryOf("a"), entryOf("b")];
    const loads = [a, a, b].map((entry) => {
      const loaded = sessionOf();
      lineage.loaded(loaded, entry, 0);
      return lineage.originOf(loaded)!;
    });
    const over = () => loads.map((origin) => lineage.isOver(origin));
    assertEquals(over(), [false, false, false]);
    lineage.end("a", a);
    assertEquals(over(), [true, true, false]);
    endings.clear();
    assertEquals(over(), [true, true, true]);
    const after = sessionOf();
    lineage.loaded(after, entryOf("c"), 0);
    assertEquals(lineage.isOver(lineage.originOf(after)!), false);
  });

  it("end: reaches requests of a session that had been evicted", () => {
    const lineage = new Lineage(new Endings(() => 0));
    const [entry, loaded] = [entryOf("a"), sessionOf()];
    lineage.loaded(loaded, entry, 0);
    lineage.departed(entry);
    lineage.end("a", undefined);
    assertEquals(lineage.isOver(lineage.originOf(loaded)!), true);
  });

  it("follows: a Session of a request without a past, and no plain data", () => {
    const lineage = new Lineage(new Endings(() => 0));
    const { Session } = session as unknown as {
      Session: new (req: object) => ReturnType<typeof sessionOf>;
    };
    const made = new Session({ sessionID: "a" });
    assertEquals([lineage.follows(made), lineage.follows(sessionOf())], [true, false]);
    lineage.loaded(made, entryOf("a"), 0);
    assertEquals(lineage.follows(made), false);
  });
});

describe("requestOf", () => {
  it("is the request of a Session, and nothing of plain data with a key req", () => {
    const { Session } = session as unknown as {
      Session: new (req: object) => ReturnType<typeof sessionOf>;
    };
    const request = { sessionID: "a" };
    assert(requestOf(new Session(request)) === request);
    for (const req of [request, 5, null, undefined, "req"]) {
      assertEquals(requestOf(sessionOf({ req })), undefined);
    }
  });
});
