// Sends copies of a document through nodemailer's pool, the way its manual shows; prints messages a second.
// Usage: node nodemailer.cjs MODULES PORT CONNECTIONS MESSAGES DOCUMENT
// MODULES is a folder with node_modules/, DOCUMENT a JSON file {subject, text, html} with {{ variables }}.
const fs = require("node:fs");
const path = require("node:path");

const [modules, port, connections, messages, document] = process.argv.slice(2);
const nodemailer = require(path.join(modules, "node_modules", "nodemailer"));
const source = JSON.parse(fs.readFileSync(document, "utf8"));

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (value) => value.replace(/[&<>"']/g, (character) => escapes[character]);

// A template is cut once, and joined for every reader.
function compile(text, escape) {
  const pieces = text.split(/\{\{ (\w+)[^}]*\}\}/);
  return (values) => pieces.map((piece, at) => (at % 2 ? escape(values[piece]) : piece)).join("");
}

const same = (value) => value;
const subject = compile(source.subject, same);
const text = compile(source.text, same);
const html = compile(source.html, escaped);

async function main() {
  const transport = nodemailer.createTransport({
    host: "127.0.0.1",
    port: Number(port),
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: Number(connections),
    maxMessages: Infinity,
  });
  const begun = process.hrtime.bigint();
  let next = 0;
  async function sendSome() {
    while (next < Number(messages)) {
      const number = next++;
      const values = {
        subscriber_email: `reader${number}@example.net`,
        subscriber_name: `Reader ${number}`,
        subscriber_first_name: "Reader",
        unsubscribe_url: `https://news.example.org/u/${String(number).padStart(40, "0")}`,
        preferences_url: `https://news.example.org/preferences/${String(number).padStart(40, "0")}`,
      };
      await transport.sendMail({
        from: "The Steady Spine <editor@news.example.org>",
        to: values.subscriber_email,
        subject: subject(values),
        text: text(values),
        html: html(values),
        headers: { "List-Unsubscribe": `<${values.unsubscribe_url}>` },
      });
    }
  }
  await Promise.all(Array.from({ length: 2 * Number(connections) }, sendSome));
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  transport.close();
  console.log(Number(messages) / seconds);
}

main();
