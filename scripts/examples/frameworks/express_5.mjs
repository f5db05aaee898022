// Express 5: a page that counts the visits of each session.
import express from "express";
import session from "express-session";
import lembro from "express-lembro";

const Lembro = lembro(session);
const store = new Lembro({ maxSize: "16M" });
const app = express();
app.use(session({ store, secret: "change me", resave: false, saveUninitialized: false }));

app.get("/", (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.json({ visits: request.session.visits });
});

const server = app.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
