// Ends a stream of server-sent events with its session. `expire`, `evict` and
// `clear` can end it as well.
const streams = new Set();
app.get("/events", (request, response) => {
  const stream = { sid: request.sessionID, response };
  streams.add(stream);
  response.on("close", () => streams.delete(stream));
  response.type("text/event-stream").flushHeaders();
});
store.on("destroy", (sid) => {
  for (const stream of streams) if (stream.sid === sid) stream.response.end();
});
