import session = require("express-session");
import lembro = require("express-lembro");

const options: lembro.LembroOptions = { maxSize: "4M" };
const store: lembro.LembroStore = new (lembro(session))(options);
session({ store, secret: "change me" });

// @ts-expect-error There is no such option.
new (lembro(session))({ maxsize: "4M" });
