import session from "express-session";
import lembro, { type LembroOptions } from "express-lembro";
import type { LembroStats, Rank, Store, StoreConstructor } from "express-lembro";

const options: LembroOptions = { interval: 60_000, maxSize: "4M", ttl: () => 1000 };
const Lembro: StoreConstructor<session.Store> = lembro(session);
const store: Store<session.Store> = new Lembro(options, () => {});
session({ store, secret: "change me" });

const stats: LembroStats = store.stats();
const bytes: number = stats.bytes;
const kept: Promise<session.SessionData | undefined> = store.get("a");
store.get("a", (_error: unknown, session) => session?.cookie);
store.on("evict", (_sid: string, _rank: Rank) => {});
lembro({ session: { Store: session.Store } });

// @ts-expect-error There is no such option.
new Lembro({ maxsize: "4M" });
// @ts-expect-error A number or a text.
new Lembro({ maxSize: true });
// @ts-expect-error A number.
new Lembro({ interval: "soon" });
// @ts-expect-error There is no Store on it.
lembro({});
// @ts-expect-error In bytes: a number.
const size: string = store.options.maxSize;

export { bytes, kept, size };
