// What an app says about its sessions reaches everything that the store gives or takes.
import session from "express-session";
import lembro from "express-lembro";

declare module "express-session" {
  interface SessionData {
    user?: { name: string };
  }
}

const Lembro = lembro(session);
const store = new Lembro({
  protect: (kept) => kept.user?.name === "Ada",
  ttl: (kept) => kept.user ? 3_600_000 : 60_000,
  serializer: {
    stringify: (kept) => JSON.stringify([kept.user?.name.length, kept]),
    parse: (text) => JSON.parse(text)[1],
  },
});
store.set("a", { cookie: new session.Cookie(), user: { name: "Ada" } });
store.touch("a", { cookie: new session.Cookie(), user: { name: "Ada" } });
store.get("a").then((kept) => kept?.user?.name.length);
store.get("a", (_error, kept) => kept?.user?.name.length);
store.all().then((all) => all["a"]?.user?.name.length);
for (const [, kept] of store.entries()) kept.user?.name.length;

// @ts-expect-error A user has a name.
store.set("a", { cookie: new session.Cookie(), user: {} });
// @ts-expect-error A name is a text.
new Lembro({ protect: (kept) => kept.user?.name === 1 });
// @ts-expect-error A name is a text.
new Lembro({ ttl: (kept) => kept.user?.name });
// @ts-expect-error There is nothing of that name.
store.get("a").then((kept) => kept?.visits);
// @ts-expect-error There is nothing of that name.
for (const [, kept] of store.entries()) kept.visits;
