// A greeting, a greeting by name, and a line in the log.
import { get } from "fermyon:spin/variables@2.0.0";

function answer(method, path) {
  if (path === "/") return [200, `Hello, ${get("greetee")}!\n`];
  if (path === "/log") {
    console.log(`hello-js: ${method} ${path}`);
    return [200, "One line logged.\n"];
  }
  if (path.startsWith("/hello/")) return [200, `Hello, ${path.slice("/hello/".length)}!\n`];
  return [404, `Nothing at ${path}. Try /, /hello/NAME or /log.\n`];
}

addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  const [status, text] = answer(event.request.method, path);
  event.respondWith(new Response(text, { status, headers: { "content-type": "text/plain" } }));
});
