// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CookieTemplates } from "../../src/core/record/cookie_template.ts";
import { dateOf } from "../../src/core/record/expiry.ts";
import { recordOf, sessionOf, textOf } from "../../src/core/record/record.ts";
import { resolveOptions } from "../../src/options.ts";

describe("textOf", () => {
  const options = resolveOptions();
  const cookie = new session.Cookie();
  cookie.maxAge = 60_000;
  const plain = new session.Cookie();

  for (
    const [what, saved] of Object.entries({
      "the cookie comes first": { cookie, views: 1, cart: ["a"] },
      "the cookie comes last": { views: 1, cookie },
      "there is nothing but a cookie": { cookie },
      "the cookie has no date": { cookie: plain, views: 1 },
      "another cookie comes first": { a: { cookie: null }, cookie, views: 1 },
      "a string looks like a cookie": { note: '{"cookie":null', cookie, '{"cookie":null': 2 },
      "the text is not ASCII": { cookie, name: "Zoë 🦊 \ud800" },
    })
  ) {
    it(`is what the serializer writes: ${what}`, () => {
      const date = dateOf(saved.cookie);
      const templates = new CookieTemplates();
      // The first of its kind has no template.
      const [first, record] = [1, 2].map(() =>
        recordOf(saved, date ?? 1e13, date, options, templates)
      );
      assertEquals([first.cookie, record.cookie !== undefined], [undefined, true]);
      assertEquals(textOf(first, options), JSON.stringify(saved));
      assertEquals(textOf(record, options), JSON.stringify(saved));
      assertEquals(textOf(record, options), JSON.stringify(sessionOf(record, options)));
    });
  }
});
