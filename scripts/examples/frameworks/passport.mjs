// Passport, with a name and a password. The store protects the sessions of signed-in users by default.
import express from "express";
import session from "express-session";
import lembro from "express-lembro";
import passport from "passport";
import { Strategy } from "passport-local";

// A real app keeps hashes in a database.
const users = { Ada: "Countess of Lovelace" };
passport.use(
  new Strategy((name, password, done) =>
    done(null, users[name] === password ? { name } : false, { message: "No" })
  ),
);
passport.serializeUser((user, done) => done(null, user.name));
passport.deserializeUser((name, done) => done(null, { name }));

const Lembro = lembro(session);
const store = new Lembro({ maxSize: "16M" });
const app = express();
app.use(session({ store, secret: "change me", resave: false, saveUninitialized: false }));
app.use(passport.session());
app.use(express.urlencoded({ extended: false }));

app.get("/", (request, response) => {
  response.json({ user: request.user?.name ?? null, protected: store.stats().protected });
});
app.post("/login", passport.authenticate("local"), (_request, response) => response.json("in"));
app.post("/logout", (request, response, next) => {
  request.logout((error) => error ? next(error) : response.json("out"));
});

const server = app.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
