import "./support/as_in_node.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { LembroOptions } from "express-lembro";
import { Lembro, session, sessionOf } from "./support/setup.ts";

const MEGABYTE = 1024 * 1024;

describe("the defaults", () => {
  it("are six minutes, 4 MB, a day, no other timeouts, Passport's users and JSON", () => {
    using store = new Lembro();
    assertEquals(store.options.interval, 6 * 60 * 1000);
    assertEquals(store.options.maxSize, 4 * MEGABYTE);
    assertEquals(store.options.ttl, 24 * 60 * 60 * 1000);
    assertEquals(store.options.idleTimeout, Infinity);
    assertEquals(store.options.absoluteTimeout, Infinity);
    assertEquals(store.options.maxSessionsPerUser, 100);
    assert(store.options.isActivity({} as never));
    assert(store.options.protect(sessionOf({ passport: { user: 0 } }), "a"));
    assert(store.options.protect(sessionOf({ passport: { user: { name: "Ada" } } }), "a"));
    assert(!store.options.protect(sessionOf({ passport: { user: null } }), "a"));
    assert(!store.options.protect(sessionOf({ passport: {} }), "a"));
    assert(!store.options.protect(sessionOf(), "a"));
    assertEquals(store.options.serializer, JSON);
  });

  it("are used for undefined", () => {
    using store = new Lembro({ maxSize: undefined, interval: undefined, ttl: undefined });
    assertEquals(store.options.maxSize, 4 * MEGABYTE);
  });
});

describe("options", () => {
  for (
    const [maxSize, bytes] of [
      ["512K", 512 * 1024],
      ["4M", 4 * MEGABYTE],
      ["4MB", 4 * MEGABYTE],
      ["4mb", 4 * MEGABYTE],
      ["1G", 1024 * MEGABYTE],
      ["1000", 1000],
      [1000, 1000],
      [1000.7, 1000],
      [152, 152],
      [Infinity, Infinity],
    ] as const
  ) {
    it(`maxSize: ${JSON.stringify(maxSize)} is ${bytes} bytes`, () => {
      using store = new Lembro({ maxSize });
      assertEquals(store.options.maxSize, bytes);
    });
  }

  it("are read-only", () => {
    using store = new Lembro();
    const writable = store as unknown as { options: { maxSize: number } };
    assertThrows(() => writable.options.maxSize = 1, TypeError);
    assertThrows(() => writable.options = { maxSize: 1 }, TypeError);
  });

  it("maxSize: at least what a session of express-session takes that holds nothing", async () => {
    using store = new Lembro({ maxSize: 152 });
    await store.set("a", { cookie: new session.Cookie() });
    assertEquals(store.stats().bytes, 152);
  });

  it("maxSize: Infinity keeps all sessions", async () => {
    using store = new Lembro({ maxSize: Infinity });
    for (let i = 0; i < 1000; i++) await store.set(`${i}`, sessionOf({ text: "x".repeat(5000) }));
    await store.reduce();
    assertEquals(store.stats().sessions, 1000);
    assert(store.stats().bytes > 4 * MEGABYTE);
  });

  it("interval: may be as long as a timer can be", () => {
    using store = new Lembro({ interval: 2_147_483_647 });
    assertEquals(store.options.interval, 2_147_483_647);
  });
});

describe("a bad option is refused: the error names it, what it takes and what it received", () => {
  const rows: [options: unknown, Kind: ErrorConstructor, ...parts: string[]][] = [
    [{ maxSize: "lots" }, RangeError, "maxSize", '"lots"', '"512K"'],
    [{ maxSize: "" }, RangeError, "maxSize", '""'],
    [{ maxSize: "-4M" }, RangeError, "maxSize", '"-4M"'],
    [{ maxSize: "0" }, RangeError, "maxSize", '"0"'],
    [{ maxSize: -1 }, RangeError, "maxSize", "-1"],
    [{ maxSize: 0 }, RangeError, "maxSize", "received 0"],
    [{ maxSize: 4 }, RangeError, "or no session fits", '(did you mean "4M"?)', "received 4"],
    [{ maxSize: "64" }, RangeError, "or no session fits", '(did you mean "64M"?)', '"64"'],
    [{ maxSize: 151 }, RangeError, "at least 152 bytes, or no session fits", "received 151"],
    [{ maxSize: "10 MB" }, RangeError, '(did you mean "10M"?)', 'received "10 MB"'],
    [{ maxSize: "4 MiB" }, RangeError, '(did you mean "4M"?)'],
    [{ maxSize: "1.5M" }, RangeError, "maxSize", '"512K"', '(did you mean "1536K"?)', '"1.5M"'],
    [{ maxSize: "0.5 gb" }, RangeError, '(did you mean "512M"?)'],
    [{ maxSize: 0.5 }, RangeError, "maxSize", "0.5"],
    [{ maxSize: NaN }, RangeError, "maxSize", "NaN"],
    [{ maxSize: -Infinity }, RangeError, "maxSize", "-Infinity"],
    [{ maxSize: null }, TypeError, "maxSize", "null"],
    [{ maxSize: true }, TypeError, "maxSize", "true"],
    [{ maxSize: ["4M"] }, TypeError, "maxSize", "an array"],
    [{ interval: 0 }, RangeError, "interval", "received 0", "2147483647"],
    [{ interval: -5 }, RangeError, "interval", "-5", "milliseconds"],
    [{ interval: NaN }, RangeError, "interval", "NaN"],
    [{ interval: 2_147_483_648 }, RangeError, "interval", "2147483648"],
    [{ interval: Infinity }, RangeError, "interval", "Infinity"],
    [{ interval: "soon" }, TypeError, "interval", '"soon"'],
    [{ interval: null }, TypeError, "interval", "null"],
    [{ ttl: 0 }, RangeError, "ttl", "received 0"],
    [{ ttl: -1 }, RangeError, "ttl", "-1"],
    [{ ttl: NaN }, RangeError, "ttl", "NaN"],
    [{ ttl: "1d" }, TypeError, "ttl", '"1d"', "milliseconds"],
    [{ protect: true }, TypeError, "protect", "true", "(session, sid) => boolean"],
    [{ serializer: {} }, TypeError, "serializer", "an object", "stringify", "parse"],
    [{ serializer: null }, TypeError, "serializer", "null"],
    [{ serializer: { parse() {} } }, TypeError, "serializer", "stringify"],
    [{ idleTimeout: 0 }, RangeError, "idleTimeout", "received 0"],
    [{ idleTimeout: "1h" }, TypeError, "idleTimeout", '"1h"', "milliseconds"],
    [{ absoluteTimeout: -1 }, RangeError, "absoluteTimeout", "-1"],
    [{ absoluteTimeout: new Date() }, TypeError, "absoluteTimeout", "an object"],
    [{ isActivity: false }, TypeError, "isActivity", "false", "(request) => boolean"],
    [{ address: "ip" }, TypeError, "address", "(request) => string or undefined"],
    [{ user: "id" }, TypeError, "user", '"id"', "(session, sid)"],
    [{ maxSessionsPerUser: 0 }, RangeError, "maxSessionsPerUser", "received 0", "from 1"],
    [{ maxSessionsPerUser: 1.5 }, RangeError, "maxSessionsPerUser", "1.5"],
    [{ maxSessionsPerUser: NaN }, RangeError, "maxSessionsPerUser", "NaN"],
    [{ maxSessionsPerUser: "1" }, TypeError, "maxSessionsPerUser", '"1"'],
    [{ MAXSIZE: 1 }, TypeError, "(did you mean maxSize?)", '"MAXSIZE"'],
    [{ pruneSessionInterval: 1 }, TypeError, "(did you mean interval?)"],
    [{ checkExpirationInterval: 1 }, TypeError, "(did you mean interval?)"],
    [{ expiration: 1 }, TypeError, "(did you mean ttl?)"],
    [{ constructor: 1 }, TypeError, "unknown option, use", '"constructor"'],
    [{ toString: 1 }, TypeError, "unknown option, use", '"toString"'],
    [JSON.parse('{"__proto__":1}'), TypeError, "unknown option, use", '"__proto__"'],
    [{ maxsize: "4M" }, TypeError, '"maxsize"', "unknown option", "interval, maxSize, ttl"],
    [{ checkPeriod: 1 }, TypeError, '"checkPeriod"', "did you mean interval?"],
    ["4M", TypeError, "options", '"4M"', "object"],
    [4, TypeError, "options", "4"],
    [{ maxSize: Symbol("4M") }, TypeError, "maxSize", "Symbol(4M)"],
    [{ maxSize: 10n }, TypeError, "maxSize", "received 10n"],
    [{ maxSize: false }, TypeError, "maxSize", "received false"],
    [{ maxSize: { valueOf: () => 5 } }, TypeError, "received an object"],
    [{ maxSize: () => 5 }, TypeError, "maxSize", "received a function"],
    [{ maxSize: "x".repeat(MEGABYTE) }, RangeError, "xxx…"],
    [{ maxSize: "4M\n" }, RangeError, "maxSize", '"4M\\n"'],
    [{ maxSize: "4|" }, RangeError, '"4|"'],
    [{ maxSize: "B" }, RangeError, '"B"'],
    [{ maxSize: "４M" }, RangeError, "maxSize"],
    [{ interval: "1000" }, TypeError, "interval", '"1000"'],
    [{ interval: 1000n }, TypeError, "interval", "received 1000n"],
    [{ interval: Symbol() }, TypeError, "interval", "Symbol()"],
    [{ interval: false }, TypeError, "interval", "received false"],
    [{ interval: new Date() }, TypeError, "interval", "an object"],
    [{ ttl: null }, TypeError, "ttl", "received null"],
    [{ ttl: new Date() }, TypeError, "ttl", "received an object"],
    [{ ttl: -Infinity }, RangeError, "ttl", "received -Infinity"],
    [{ protect: null }, TypeError, "protect", "received null"],
    [{ protect: "vip" }, TypeError, "protect", '"vip"'],
    [{ serializer: JSON.stringify }, TypeError, "serializer"],
    [{ serializer: "json" }, TypeError, "serializer", '"json"'],
    [{ serializer: { stringify() {} } }, TypeError, "parse"],
    [{ max: 1 }, TypeError, '"max"', "interval, maxSize, ttl"],
    [{ ["x".repeat(MEGABYTE)]: 1 }, TypeError, "xxx…"],
    [[], TypeError, "options must be an object", "an array"],
    [Symbol("options"), TypeError, "Symbol(options)"],
    [4n, TypeError, "received 4n"],
    [true, TypeError, "received true"],
  ];
  for (const [options, Kind, ...parts] of rows) {
    it(Deno.inspect(options, { breakLength: Infinity }).slice(0, 60), () => {
      const error = assertThrows(() => new Lembro(options as LembroOptions), Kind);
      for (const part of parts) assertStringIncludes(error.message, part);
      assert(error.message.length < 300, "on one line, and never long");
    });
  }

  for (const callback of [null, "ready", 5, {}]) {
    it(`a callback that is ${JSON.stringify(callback)}`, () => {
      const message = String(assertThrows(() => new Lembro({}, callback as never), TypeError));
      assertStringIncludes(message, "callback must be a function");
    });
  }

  it("what a getter throws is thrown", () => {
    const options = {
      get maxSize(): string {
        throw new Error("boom");
      },
    };
    assertThrows(() => new Lembro(options), Error, "boom");
  });

  it("a getter is asked once, so that it can't change its mind", () => {
    let asked = 0;
    using store = new Lembro({
      get maxSize() {
        return ++asked === 1 ? "1M" : "lots";
      },
    });
    assertEquals([store.options.maxSize, asked], [1024 * 1024, 1]);
  });
});

describe("options that come with a framework's session configuration", () => {
  it("are read, and what is no option is ignored, if there is a secret", () => {
    using store = new Lembro({
      secret: "change me",
      name: "sails.sid",
      adapter: "express-lembro",
      cookie: { maxAge: 1_000 },
      isSessionDisabled: () => false,
      maxSize: "1M",
    } as LembroOptions);
    assertEquals(store.options.maxSize, MEGABYTE);
    using other = new Lembro();
    assertEquals(Object.keys(store.options), Object.keys(other.options));
  });

  it("are refused if one of them is bad", () => {
    const options = { secret: "s", maxSize: "lots" } as LembroOptions;
    assertThrows(() => new Lembro(options), RangeError, "maxSize");
  });

  it("are refused without a secret", () => {
    assertThrows(
      () => new Lembro({ name: "sails.sid" } as LembroOptions),
      TypeError,
      "unknown option",
    );
  });
});

describe("serializer", () => {
  it("writes the text that is kept and measured, and reads it", async () => {
    using store = new Lembro({
      serializer: {
        stringify: (session) => `>>${JSON.stringify(session)}`,
        parse: (text) => JSON.parse(text.slice(2)),
      },
    });
    const session = sessionOf({ name: "Ada" }, { path: "/" });
    await store.set("a", session);
    assertEquals(await store.get("a"), session);
    assertEquals(store.stats().bytes, 2 * `>>${JSON.stringify(session)}`.length);
    await store.touch("a", sessionOf({}, { path: "/longer" }));
    assertEquals(await store.get("a"), sessionOf({ name: "Ada" }, { path: "/longer" }));
    assertEquals(
      store.stats().bytes,
      2 * `>>${JSON.stringify(sessionOf({ name: "Ada" }, { path: "/longer" }))}`.length,
    );
  });
});
