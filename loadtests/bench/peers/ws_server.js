"use strict";

// A server on `ws`: node ws_server.js PORT CONTROL_PORT.
// At its best: no compression, no pings, each event made once as a Buffer that is sent as text.

const http = require("node:http");
const { WebSocketServer } = require("ws");
const { BACKLOG, HOST, serveControl, versionOf } = require("./control.js");

const [port, controlPort] = process.argv.slice(2).map(Number);
const AS_TEXT = { binary: false, compress: false };

const server = http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.send("welcome");
});
server.listen({ port, host: HOST, backlog: BACKLOG }, () => {
  serveControl(controlPort, `ws ${versionOf("ws")}`, (event) => {
    for (const socket of sockets.clients) socket.send(event, AS_TEXT);
  });
});
