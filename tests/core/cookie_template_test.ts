import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  CookieTemplate,
  CookieTemplates,
  dataOf,
  isTemplatable,
} from "../../src/core/record/cookie_template.ts";
import { DAY, START } from "../support/clock.ts";
import { session, sessionOf, sizeOf } from "../support/setup.ts";

/** A cookie as express-session makes it, with the date `START` plus its maxAge. */
const cookieOf = (originalMaxAge: number, more = {}) => ({
  originalMaxAge,
  expires: new Date(START + originalMaxAge),
  httpOnly: true,
  path: "/",
  ...more,
});

describe("CookieTemplate", () => {
  it("stands for cookies that differ in nothing but their date", () => {
    const template = CookieTemplate.of(cookieOf(DAY), START + DAY)!;
    for (const time of [0, START, START + 5, Date.UTC(9999, 11, 31)]) {
      for (const expires of [new Date(time), new Date(time).toISOString()]) {
        assert(template.fits({ ...cookieOf(DAY), expires }, time));
      }
      assertEquals<unknown>(
        template.cookieAt(time),
        JSON.parse(JSON.stringify({ ...cookieOf(DAY), expires: new Date(time) })),
      );
    }
    assertEquals(template.size, sizeOf(cookieOf(DAY)));
  });

  it("does not fit a cookie with another value, another key, another order or another date", () => {
    const template = CookieTemplate.of(cookieOf(DAY), START + DAY)!;
    const { originalMaxAge, ...rest } = cookieOf(DAY);
    for (
      const other of [
        cookieOf(DAY, { path: "/x" }),
        cookieOf(DAY, { sameSite: "lax" }),
        cookieOf(2 * DAY),
        { ...rest, originalMaxAge },
        rest,
        cookieOf(DAY, { expires: new Date(START) }),
        cookieOf(DAY, { expires: null }),
        {},
      ]
    ) {
      assertEquals(template.fits(other, START + DAY), false, JSON.stringify(other));
    }
  });

  it("is not made of a cookie with a value that may change, or that JSON writes differently", () => {
    for (
      const more of [
        { extra: {} },
        { extra: [1] },
        { extra: new Date(0) },
        { extra: NaN },
        { extra: Infinity },
        { extra: () => {} },
        { extra: Symbol("a") },
        JSON.parse('{"__proto__":1}'),
      ]
    ) {
      const data = { ...cookieOf(DAY), ...more };
      if (Object.hasOwn(more, "__proto__")) {
        Object.defineProperty(data, "__proto__", { value: 1, enumerable: true });
      }
      assertEquals(CookieTemplate.of(data, START + DAY), undefined);
    }
  });

  it("is not made of a date that JSON writes with another length", () => {
    for (const time of [-1, Date.UTC(10_000, 0), 8.64e15]) {
      const cookie = { expires: new Date(time) };
      assertEquals(CookieTemplate.of(cookie, time), undefined);
    }
  });

  it("may have no date at all", () => {
    const template = CookieTemplate.of({ path: "/", expires: null }, undefined)!;
    assertEquals(template.cookieAt(START), { path: "/", expires: null });
    assert(template.fits({ path: "/", expires: null }, undefined));
  });

  it("without: leaves the session alone and blanks the cookie in a copy", () => {
    const template = CookieTemplate.of({ path: "/" }, undefined)!;
    const given = sessionOf({ n: 1 }, { path: "/" });
    const text = JSON.stringify(template.without(given));
    assertEquals(text, '{"cookie":null,"n":1}');
    assertEquals(given.cookie.path, "/");
    assertEquals(template.sizeWith(text), sizeOf(given));
  });
});

describe("CookieTemplates", () => {
  it("has a template for a cookie once another such cookie has come before", () => {
    const templates = new CookieTemplates();
    assertEquals(templates.of(cookieOf(DAY), START + DAY), undefined);
    const template = templates.of({ ...cookieOf(DAY), expires: new Date(START) }, START);
    assert(template);
    assert(templates.of(cookieOf(DAY), START + DAY) === template);
  });

  it("shares nothing among cookies that are all different", () => {
    const templates = new CookieTemplates();
    for (let i = 1; i <= 1_000; i++) {
      assertEquals(templates.of(cookieOf(i), START + i), undefined);
    }
  });

  it("knows the Cookie of express-session, by what its toJSON writes", () => {
    const templates = new CookieTemplates();
    const cookie = new session.Cookie();
    assertEquals(templates.of(cookie, undefined), undefined);
    assert(templates.of(new session.Cookie(), undefined));
    assertEquals(dataOf(cookie)?.path, "/");
  });

  it("has none for what is no object", () => {
    const templates = new CookieTemplates();
    for (
      const cookie of [undefined, null, "a=b", 5, [], { toJSON: () => "text" }, { toJSON() {} }]
    ) {
      for (let i = 0; i < 2; i++) assertEquals(templates.of(cookie, undefined), undefined);
    }
  });
});

describe("isTemplatable", () => {
  it("is true of a session that JSON writes key by key, with an own cookie", () => {
    const own = { stringify: JSON.stringify, parse: JSON.parse };
    assertEquals(isTemplatable(sessionOf(), JSON), true);
    assertEquals(isTemplatable(sessionOf(), own), false);
    assertEquals(isTemplatable({ n: 1 } as never, JSON), false);
    assertEquals(isTemplatable(Object.create(sessionOf()), JSON), false);
    assertEquals(isTemplatable({ ...sessionOf(), toJSON: () => ({}) } as never, JSON), false);
    assertEquals(isTemplatable(Object.assign([], sessionOf()) as never, JSON), false);
  });

  it("without: leaves the cookie blank, and all other keys as they are", () => {
    const template = CookieTemplate.of({ path: "/" }, undefined)!;
    for (const others of ['"a":1', '"__proto__":{"a":1},"constructor":2']) {
      const session = JSON.parse(`{"cookie":{"path":"/"},${others}}`);
      assertEquals(JSON.stringify(template.without(session)), `{"cookie":null,${others}}`);
      assertEquals(session.cookie, { path: "/" });
    }
  });
});
