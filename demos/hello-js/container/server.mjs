// The container twin of hello-js: the same answers from Node's HTTP server.
import { createServer } from "node:http";

function answer(method, path) {
  if (path === "/") return [200, `Hello, ${process.env.GREETEE ?? "world"}!\n`];
  if (path === "/log") {
    console.log(`hello-js: ${method} ${path}`);
    return [200, "One line logged.\n"];
  }
  if (path.startsWith("/hello/")) return [200, `Hello, ${path.slice("/hello/".length)}!\n`];
  return [404, `Nothing at ${path}. Try /, /hello/NAME or /log.\n`];
}

const server = createServer((request, response) => {
  const path = new URL(request.url, "http://localhost").pathname;
  const [status, text] = answer(request.method, path);
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
  response.end(text);
});

const [host, port] = (process.env.LISTEN_ADDR ?? "0.0.0.0:80").split(":");
server.listen(Number(port), host);
// As process 1 Node would ignore these otherwise.
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
