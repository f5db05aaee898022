import assert from 'node:assert/strict';
import { once } from 'node:events';
import express from 'express';
import session from 'express-session';
import lembro from 'express-lembro';

const Lembro = lembro(session);
const app = express();
app.use(session({
  store: new Lembro(),
  secret: 'keyboard cat',
  resave: false,
  saveUninitialized: false,
}));
app.get('/', (req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1;
  res.send(`visit ${req.session.visits}`);
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/`;
const first = await fetch(url);
assert.equal(await first.text(), 'visit 1');
const cookie = first.headers.get('set-cookie').split(';')[0];
const second = await fetch(url, { headers: { cookie } });
console.log(await second.text());
server.close();
server.closeAllConnections();
