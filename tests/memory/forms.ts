/**
 * An Express app that users sign in to by an HTML form. Prints its port. It
 * answers `/heap` with its heap in use, and `/snapshot?path=…` once all that is
 * on its heap is written to that file. Run by memory_test.ts.
 *
 * @module
 */
import express from "express";
import session from "express-session";
import lembro from "express-lembro";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { writeHeapSnapshot } from "node:v8";

declare const gc: () => void;

const store = new (lembro(session))();
const app = express();
app.get("/heap", (_request, response) => {
  gc();
  response.json({ sessions: store.stats().sessions, heap: process.memoryUsage().heapUsed });
});
app.get("/snapshot", (request, response) => {
  writeHeapSnapshot(String(request.query.path));
  response.end();
});
app.use(session({ store, secret: "secret", resave: false, saveUninitialized: false }));
app.post("/sign-in", express.urlencoded(), (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    Object.assign(request.session, { passport: { user: request.body.user } });
    response.end();
  });
});
const server = app.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});
