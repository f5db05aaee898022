// What users write to watch their sessions, in every module system.
import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import lembro from "express-lembro";
import type { LembroStats } from "express-lembro";
import { openJournal } from "express-lembro/journal";
import { monitor } from "express-lembro/monitor";
import type { Monitor, MonitorRequest, MonitorResponse } from "express-lembro/monitor";

const store = new (lembro(session))();
const watch: Monitor = monitor(store);
const app = express();
app.use("/monitor", watch);
app.use("/monitor", (request, response, next) => watch(request, response, next));
createServer(watch);
const stats: LembroStats = store.stats();
monitor({ stats: () => stats });
openJournal(store, "sessions.journal").then((journal) => monitor(store, { journal }));
const handler: (request: MonitorRequest, response: MonitorResponse) => void = watch;
watch.close();

// @ts-expect-error There are no figures in it.
monitor(new session.MemoryStore());
// @ts-expect-error There is no such option.
monitor(store, { name: "Sessions" });
// @ts-expect-error It has no state.
monitor(store, { journal: {} });
// @ts-expect-error Nothing to answer.
watch();

export { handler };
