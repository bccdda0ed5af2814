/* Lets a plain sign-up form on any page answer in its place. Without this file, or when anything goes wrong,
   the form simply opens the next page, as it does by itself. No cookies, no tracking, nothing is loaded
   before somebody begins to type. */
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script || !window.fetch || !window.URLSearchParams || !window.FormData) return;
  var address = new URL(script.src);
  var home = address.origin;
  var slug = decodeURIComponent(address.pathname.replace(/^.*\/embed\//, "").replace(/\.js$/, ""));

  function hidden(form, name, value) {
    var field = form.querySelector('input[type="hidden"][name="' + name + '"]');
    if (!field) {
      field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      form.appendChild(field);
    }
    field.value = value;
  }

  function enhance(form) {
    var asked = 0;
    var busy = false;
    var note = document.createElement("div");
    note.setAttribute("role", "status");
    note.setAttribute("tabindex", "-1");
    form.appendChild(note);

    function prepare() {
      if (asked && Date.now() - asked < 36e5) return;
      asked = Date.now();
      fetch(home + "/embed/" + encodeURIComponent(slug) + ".json", { credentials: "omit" })
        .then(function (answer) { return answer.json(); })
        .then(function (token) {
          hidden(form, "form", token.form);
          hidden(form, "page", token.page);
        })
        .catch(function () { asked = 0; });
    }

    function clear() {
      note.textContent = "";
      form.querySelectorAll("[data-newsletter-error]").forEach(function (each) { each.remove(); });
      form.querySelectorAll("[aria-invalid]").forEach(function (each) {
        each.removeAttribute("aria-invalid");
        each.removeAttribute("aria-describedby");
      });
    }

    function refuse(errors) {
      var first = null;
      Object.keys(errors).forEach(function (name) {
        var field = form.elements.namedItem(name);
        var said = document.createElement("p");
        said.id = "newsletter-" + slug + "-" + name + "-error";
        said.setAttribute("data-newsletter-error", "");
        said.textContent = errors[name];
        if (field && field.setAttribute) {
          field.setAttribute("aria-invalid", "true");
          field.setAttribute("aria-describedby", said.id);
          field.insertAdjacentElement("afterend", said);
          first = first || field;
        } else {
          note.appendChild(said);
        }
      });
      (first || note).focus();
    }

    function thank(answer) {
      var title = document.createElement("p");
      var strong = document.createElement("strong");
      var text = document.createElement("p");
      strong.textContent = answer.title;
      text.textContent = answer.text;
      title.appendChild(strong);
      note.setAttribute("lang", answer.language);
      note.appendChild(title);
      note.appendChild(text);
      form.parentNode.replaceChild(note, form);
      note.focus();
    }

    form.addEventListener("focusin", prepare);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      if (busy) return;
      busy = true;
      clear();
      fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
        credentials: "omit"
      }).then(function (answer) {
        if (!/json/.test(answer.headers.get("Content-Type") || "")) throw answer;
        return answer.json();
      }).then(function (answer) {
        busy = false;
        if (answer.errors) refuse(answer.errors); else thank(answer);
      }).catch(function () {
        HTMLFormElement.prototype.submit.call(form);
      });
    });
  }

  function begin() {
    Array.prototype.forEach.call(document.forms, function (form) {
      var list = form.elements.namedItem("list");
      if (form.action === home + "/subscribe" && list && list.value === slug) enhance(form);
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
