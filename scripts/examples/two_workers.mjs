// An app in two processes, with its sessions in Redis: whichever of them answers
// knows the visitor, and a sign-out in one holds in the other.
//
//     npm install express express-session express-lembro redis
//     node two_workers.mjs
//
// REDIS_URL says where Redis is, unless it is at redis://localhost.
import express from "express";
import session from "express-session";
import lembroRedis from "express-lembro/redis";
import cluster from "node:cluster";
import { createClient } from "redis";

if (cluster.isPrimary) {
  for (let n = 0; n < 2; n++) cluster.fork();
  cluster.on("exit", () => cluster.fork());
} else {
  const url = process.env.REDIS_URL ?? "redis://localhost";
  const client = createClient({ url, disableOfflineQueue: true });
  await client.on("error", console.error).connect();
  const subscriber = await client.duplicate().on("error", console.error).connect();
  const store = new (lembroRedis(session))({ client, subscriber, user: ({ user }) => user });
  store.on(
    "destroy",
    (_sid, { user }) => console.log(`${user} has left, worker ${process.pid} hears`),
  );

  const app = express();
  app.use(session({ store, secret: "change me", resave: false, saveUninitialized: false }));
  app.get("/", (request, response) => {
    response.json({ user: request.session.user, worker: process.pid });
  });
  app.get("/sign-in", (request, response, next) => {
    // Check a password here.
    request.session.regenerate((error) => {
      if (error) return next(error);
      request.session.user = String(request.query.user);
      response.json("signed in");
    });
  });
  app.get("/sign-out", (request, response, next) => {
    request.session.destroy((error) => error ? next(error) : response.json("signed out"));
  });
  app.listen(process.env.PORT ?? 3000, (error) => {
    console.log(error ?? `worker ${process.pid}: http://localhost:${process.env.PORT ?? 3000}`);
  });
}
