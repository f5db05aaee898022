import session from "express-session";
import lembro, { type LembroOptions } from "express-lembro";
import type { Store } from "express-lembro";

const options: LembroOptions = { maxSize: "4M" };
const store: Store<session.Store> = new (lembro(session))(options);
session({ store, secret: "change me" });

// @ts-expect-error There is no such option.
new (lembro(session))({ maxsize: "4M" });
