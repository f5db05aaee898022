// Socket.IO: its connections have the session of the page that opened them.
import express from "express";
import session from "express-session";
import lembro from "express-lembro";
import { createServer } from "node:http";
import { Server } from "socket.io";

const Lembro = lembro(session);
const sessions = session({
  store: new Lembro({ maxSize: "16M" }),
  secret: "change me",
  resave: false,
  saveUninitialized: false,
});
const app = express();
const server = createServer(app);
const io = new Server(server);
app.use(sessions);
io.engine.use(sessions);

app.get("/", (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.json({ visits: request.session.visits, said: request.session.said ?? null });
});

io.on("connection", (socket) => {
  const { request } = socket;
  socket.emit("visits", request.session.visits);
  socket.on("say", (text, answer) => {
    // A connection lives longer than a request: load what the others saved, and save at once.
    request.session.reload((error) => {
      if (error) return answer(error.message);
      request.session.said = text;
      request.session.save(() => answer("said"));
    });
  });
});

server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
