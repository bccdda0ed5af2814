// Lets a person try the API. The key is read from its field when a request is made and kept nowhere else.
"use strict";
(() => {
  const keyForm = document.getElementById("key-form");
  const key = document.getElementById("key");
  keyForm.hidden = false;
  document.getElementById("reference").hidden = true;
  keyForm.addEventListener("submit", (event) => event.preventDefault());

  const example = (schema, all) => {
    if (schema.$ref) return example(all.components.schemas[schema.$ref.split("/").pop()], all);
    if (schema.enum) return schema.enum[0];
    if (schema.format === "email") return "reader@example.org";
    if (schema.type === "integer") return 0;
    if (schema.type === "array") return [];
    if (schema.type !== "object") return "";
    const wanted = schema.required || Object.keys(schema.properties || {});
    return Object.fromEntries(wanted.map((name) => [name, example(schema.properties[name], all)]));
  };

  const show = (output, text) => {
    output.textContent = text;
    output.hidden = false;
  };

  const send = async (operation, form) => {
    const output = form.querySelector("output");
    let path = operation.dataset.path;
    const query = new URLSearchParams();
    for (const field of form.querySelectorAll("input")) {
      if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
      else if (field.value) query.set(field.name, field.value);
    }
    const body = form.querySelector("textarea");
    const headers = { Authorization: `Bearer ${key.value.trim()}` };
    if (body) headers["Content-Type"] = "application/json";
    const options = { method: operation.dataset.method, headers, cache: "no-store", credentials: "omit" };
    if (body) options.body = body.value;
    try {
      const answer = await fetch(query.size ? `${path}?${query}` : path, options);
      const text = await answer.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no body, or no JSON */ }
      show(output, `${answer.status} ${answer.statusText}\n\n${shown}`);
    } catch (error) {
      show(output, `The request did not get through: ${error.message}`);
    }
  };

  for (const operation of document.querySelectorAll(".operation")) {
    const form = operation.querySelector("form");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(operation, form);
    });
  }

  fetch("openapi.json").then((answer) => answer.json()).then((all) => {
    for (const operation of document.querySelectorAll(".operation")) {
      const body = operation.querySelector("textarea");
      if (!body) continue;
      const path = operation.dataset.path.slice(all.servers[0].url.length);
      const schema = all.paths[path][operation.dataset.method.toLowerCase()].requestBody.content["application/json"].schema;
      body.value = JSON.stringify(example(schema, all), null, 2);
    }
  });
})();
