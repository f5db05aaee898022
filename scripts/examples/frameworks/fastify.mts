// Fastify: @fastify/session takes the store as it is. It has a Store class of its own to build on.
// In this folder: npm install, npx tsc, node fastify.mjs
import cookie from "@fastify/cookie";
import session from "@fastify/session";
import lembro from "express-lembro";
import fastify from "fastify";

declare module "fastify" {
  interface Session {
    visits?: number;
  }
}

const Lembro = lembro(session);
const store = new Lembro({ maxSize: "16M" });
const app = fastify();
app.register(cookie);
app.register(session, {
  store,
  secret: "change me: at least 32 characters",
  saveUninitialized: false,
  cookie: { secure: false },
});

app.get("/", (request, reply) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  reply.send({ visits: request.session.visits });
});
app.get("/sid", (request, reply) => reply.send(request.session.sessionId));
app.post("/regenerate", async (request) => {
  await request.session.regenerate(["visits"]);
  return "regenerated";
});
app.post("/logout", async (request) => {
  await request.session.destroy();
  return { left: await store.length() };
});

console.log(await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" }));
