// NestJS on Express.
// In this folder: npm install, npx tsc, node nest.mjs
import "reflect-metadata";
import { Controller, Get, Module, Session } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import session, { type SessionData } from "express-session";
import lembro from "express-lembro";

declare module "express-session" {
  interface SessionData {
    visits?: number;
  }
}

@Controller()
class Visits {
  @Get()
  count(@Session() kept: SessionData) {
    kept.visits = (kept.visits ?? 0) + 1;
    return { visits: kept.visits };
  }
}

@Module({ controllers: [Visits] })
class App {}

const Lembro = lembro(session);
const store = new Lembro({ maxSize: "16M" });
const app = await NestFactory.create(App, { logger: ["error"] });
app.use(session({ store, secret: "change me", resave: false, saveUninitialized: false }));
await app.listen(process.env.PORT ?? 3000, "127.0.0.1");
console.log(await app.getUrl());
