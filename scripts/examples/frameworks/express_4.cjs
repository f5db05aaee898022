// Express 4, with require: a page that counts the visits of each session.
const express = require("express-4");
const session = require("express-session");
const Lembro = require("express-lembro")(session);

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
