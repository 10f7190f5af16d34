"use strict";

// A Socket.IO server: node socketio_server.js PORT CONTROL_PORT.
// At its best: only the websocket transport, no compression, pings an hour apart, `io.to(room).emit`, whose adapter
// encodes and frames an event once for all, and the upgrade request let go to save memory, as its manual says.

const http = require("node:http");
const { Server } = require("socket.io");
const { BACKLOG, HOST, serveControl, versionOf } = require("./control.js");

const [port, controlPort] = process.argv.slice(2).map(Number);
const ROOM = "show";
const HOUR_MS = 3_600_000;

const server = http.createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  pingInterval: HOUR_MS,
  pingTimeout: HOUR_MS,
});
io.engine.on("connection", (socket) => {
  socket.request = null;
});
io.on("connection", (socket) => {
  socket.join(ROOM);
});
server.listen({ port, host: HOST, backlog: BACKLOG }, () => {
  serveControl(controlPort, `Socket.IO ${versionOf("socket.io")}`, (event) => {
    io.to(ROOM).emit("event", JSON.parse(event));
  });
});
