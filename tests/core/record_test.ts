// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CookieTemplates } from "../../src/core/record/cookie_template.ts";
import { dateOf } from "../../src/core/record/expiry.ts";
import { cookieOf, recordOf, restored, sessionOf } from "../../src/core/record/record.ts";
import { sizeOf } from "../../src/core/vault/entry.ts";
import { resolveOptions } from "../../src/options.ts";

describe("restored", () => {
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
    it(`gives what was kept, from its text and its cookie: ${what}`, () => {
      const date = dateOf(saved.cookie);
      const end = date ?? 1e13;
      const templates = new CookieTemplates();
      // The first of its kind has no template.
      const [first, record] = [1, 2].map(() =>
        recordOf(saved, date, { expires: end, end }, options, templates)
      );
      assertEquals([first.cookie, record.cookie !== undefined], [undefined, true]);
      for (const kept of [first, record]) {
        const row = { text: kept.text, cookie: cookieOf(kept), expires: kept.expires };
        const again = restored(row, options, templates);
        assertEquals(JSON.stringify(sessionOf(again, options)), JSON.stringify(saved));
        const size = 2 * JSON.stringify(saved).length;
        assertEquals([kept, again].map(sizeOf), [size, size]);
        assertEquals([again.expires, again.cookie], [kept.expires, kept.cookie]);
        // Where no template fits yet, the cookie is put into the text.
        const alone = restored(row, options, new CookieTemplates());
        assertEquals(alone.cookie, undefined);
        assertEquals(JSON.parse(alone.text), JSON.parse(JSON.stringify(saved)));
        assertEquals(sizeOf(alone), size);
        const custom = { ...options, serializer: { ...JSON, parse: JSON.parse } };
        const elsewhere = restored(row, custom as never, templates);
        assertEquals(JSON.parse(elsewhere.text), JSON.parse(JSON.stringify(saved)));
      }
    });
  }
});
