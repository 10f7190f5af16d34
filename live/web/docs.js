/** The API page: made from /openapi.json, so that it cannot say anything else than the server does. */

import { byId, h } from "./dom.js";
import { uuid } from "./ids.js";

/** Schemas inside schemas are written out this deep; past it, their name stands. */
const DEPTH = 6;

const spec = await (await fetch("/openapi.json")).json();

/** @returns {object} the schema or answer that a `$ref` points to; anything else as it is */
function resolve(node) {
  if (!node?.$ref) return node ?? {};
  return node.$ref.slice(2).split("/").reduce((at, key) => at[key], spec);
}

/** One line about a value: its type and its limits. */
function typeOf(node) {
  const schema = resolve(node);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  const limits = [
    "minimum" in schema ? `≥ ${schema.minimum}` : null,
    "maximum" in schema ? `≤ ${schema.maximum}` : null,
    "maxLength" in schema ? `at most ${schema.maxLength} characters` : null,
    "default" in schema ? `default ${JSON.stringify(schema.default)}` : null,
  ].filter(Boolean);
  return [schema.type ?? "any JSON", ...limits].join(", ");
}

/** The shape of a schema as indented text. */
function shape(node, depth = 0) {
  const schema = resolve(node);
  if (schema.anyOf) return schema.anyOf.map((one) => shape(one, depth)).join(" or ");
  const pad = "  ".repeat(depth + 1);
  if (schema.type === "array") return `[${shape(schema.items, depth)}]`;
  if (schema.type !== "object" || !schema.properties) return typeOf(schema);
  if (depth >= DEPTH) return schema.title ?? "object";
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties).map(
    ([name, of]) => `${pad}${name}${required.has(name) ? "" : "?"}: ${shape(of, depth + 1)}`,
  );
  return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
}

/** A body to begin with: required fields only. */
function example(node) {
  const schema = resolve(node);
  if (schema.anyOf) return example(schema.anyOf[0]);
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return [];
  if (schema.type === "integer") return Math.max(schema.minimum ?? 1, 1);
  if (schema.type === "boolean") return true;
  if (schema.type !== "object") return "";
  const required = new Set(schema.required ?? []);
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name)).map(([name, of]) => [name, example(of)]),
  );
}

function table(head, rows) {
  return h("table", {},
    h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))));
}

function bodySchema(operation) {
  return operation.requestBody?.content["application/json"]?.schema ?? null;
}

function drawCall(path, method, operation) {
  const roles = operation.security?.[0].bearer;
  const inner = h("div", {});
  const details = h("details", { class: "call", id: operation.operationId },
    h("summary", {},
      h("span", { class: "method" }, method.toUpperCase()),
      h("span", { class: "path" }, path),
      h("span", { class: "said" }, `${operation.summary}. ${roles ? `Token: ${roles.join(", ")}.` : "No token."}`)),
    inner);
  // Drawn when it is opened: most calls are never looked at.
  details.addEventListener("toggle", () => {
    if (details.open && !inner.childElementCount) drawInner(inner, path, method, operation);
  });
  return details;
}

function drawInner(inner, path, method, operation) {
  if (operation.parameters.length) {
    inner.append(h("h3", {}, "Parameters"), table(["Name", "In", "What"], operation.parameters.map((one) => [
      h("code", {}, one.name + (one.required ? "" : "?")), one.in, one.description ?? typeOf(one.schema),
    ])));
  }
  const schema = bodySchema(operation);
  if (schema) inner.append(h("h3", {}, "Body"), h("pre", { tabindex: "0" }, shape(schema)));
  else if (operation.requestBody) inner.append(h("p", {}, `Body: ${Object.keys(operation.requestBody.content).join(" or ")}`));
  inner.append(h("h3", {}, "Answers"), table(["Status", "What"], Object.entries(operation.responses).map(([status, node]) => {
    const answer = resolve(node);
    const json = answer.content["application/json"]?.schema;
    const success = status < "400";
    return [h("code", {}, status), success && json
      ? h("div", {}, answer.description, h("pre", { tabindex: "0" }, shape(json)))
      : answer.description];
  })), drawTry(path, method, operation, schema));
}

function drawTry(path, method, operation, schema) {
  const inputs = new Map();
  const fields = operation.parameters.filter((one) => one.in !== "header").map((one) => {
    const input = h("input", { type: "text", spellcheck: "false" });
    inputs.set(one, input);
    return h("label", {}, one.name, input);
  });
  const file = operation.requestBody && !schema ? h("input", { type: "file" }) : null;
  const body = schema ? h("textarea", { spellcheck: "false", "aria-label": "Body" }) : null;
  if (body) body.value = JSON.stringify(example(schema), null, 2);
  const answer = h("pre", { tabindex: "0", "aria-live": "polite", hidden: true });
  const send = h("button", { type: "button" }, "Send");
  send.addEventListener("click", async () => {
    send.disabled = true;
    answer.hidden = false;
    answer.textContent = "…";
    try {
      answer.textContent = await call(path, method, inputs, body ? body.value : file?.files[0]);
    } catch (error) {
      answer.textContent = `No answer: ${error.message}`;
    }
    send.disabled = false;
  });
  return h("section", {}, h("h3", {}, "Try it"), fields, file, body, send, answer);
}

async function call(path, method, inputs, body) {
  const query = new URLSearchParams();
  let target = path;
  for (const [parameter, input] of inputs) {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value.trim()));
    else if (input.value) query.set(parameter.name, input.value);
  }
  const headers = {};
  const token = byId("token").value.trim();
  if (token) headers.authorization = `Bearer ${token}`;
  if (method === "post") headers["idempotency-key"] = uuid();
  if (typeof body === "string") headers["content-type"] = "application/json";
  const began = performance.now();
  const response = await fetch(query.size ? `${target}?${query}` : target, { method: method.toUpperCase(), headers, body });
  const text = await response.text();
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Metrics and CSV are text.
  }
  return `${response.status} in ${Math.round(performance.now() - began)} ms\n\n${shown}`;
}

// What stands between backticks is code.
byId("about").replaceChildren(...spec.info.description.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)));
byId("nouns").replaceChildren(...spec.tags.map(({ name }) => h("a", { href: `#noun-${name}` }, name)));
byId("calls").replaceChildren(...spec.tags.map(({ name }) => h("section", {},
  h("h2", { id: `noun-${name}` }, name),
  Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([, operation]) => operation.tags.includes(name))
    .map(([method, operation]) => drawCall(path, method, operation))))));
