import session = require("express-session");
import lembro = require("express-lembro");

const options: lembro.LembroOptions = { interval: 60_000, maxSize: "4M" };
const Lembro = lembro(session);
const store: lembro.LembroStore = new Lembro(options, () => {});
session({ store, secret: "change me" });
store.on("evict", (_sid: string, _session: unknown, _rank: lembro.Rank) => {});

const named: typeof lembro = lembro.lembro;
const byDefault: typeof lembro = lembro.default;
named(session) === byDefault(session);

// @ts-expect-error There is no such option.
new Lembro({ maxsize: "4M" });
// @ts-expect-error A number or a string.
new Lembro({ maxSize: true });
// @ts-expect-error There is no such type.
type None = lembro.None;

export = Lembro;
