// The light table: shows the chosen views, renews them when something was saved, and listens to the keyboard.
"use strict";
(() => {
  const LAYOUTS = {
    1: ["desktop", "phone"],
    2: ["dark", "forced"],
    3: ["pictureless", "styleless", "outlook"],
    4: ["inbox", "text"],
    5: ["checks", "source", "desktop"],
  };
  const ON_PHONE = 375;
  const byId = (id) => document.getElementById(id);
  const made = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const views = new Map([...document.querySelectorAll(".view")].map((button) => [button.dataset.view, button]));
  const letters = new Map([...views].map(([key, button]) => [button.dataset.letter, key]));
  const panels = new Map();
  const wanted = new URLSearchParams(location.hash.slice(1));
  let shown = (wanted.get("views") || "").split(",").filter((key) => views.has(key));
  let reader = wanted.get("reader") || "sample";
  let variant = { list: wanted.get("list") || "", tags: wanted.get("tags") || "" };
  let onPhone = wanted.get("phone") === "1";
  let keysOn = localStorage.getItem("studio-keys") !== "off";
  let version = 0;
  let news = { version: 0, trouble: false };
  let sound = ""; // the copy that could be shown the last time
  let findings = [];
  let files = [];
  let open = { file: "", line: 0 };
  let busy = null;
  let again = false;
  if (!shown.length) shown = LAYOUTS[1];

  // -- asking the studio ------------------------------------------------------------------------

  const ask = async (path, query = {}) => {
    const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
    return answer.ok ? answer.json() : null;
  };

  // Everything is renewed in one go, and once more when something else was saved meanwhile.
  const refresh = () => {
    if (busy) { again = true; return busy; }
    busy = (async () => {
      do {
        again = false;
        await renewed();
      } while (again);
    })().catch(() => pulse("lost", "The studio does not answer; trying again…")).finally(() => { busy = null; });
    return busy;
  };

  // The views need not wait for the figures, nor the checks be ready before what is seen.
  const renewed = async () => {
    const copy = JSON.stringify(whose());
    const mails = () => [...panels.values()].filter((panel) => panel.frame).map(renewFrame);
    const asked = ask("/state", whose());
    let frames = news.trouble || copy !== sound ? null : mails();
    const state = await asked;
    if (!state) return;
    sound = state.trouble ? "" : copy;
    version = state.version;
    files = state.files;
    offer(state.variants);
    tell(state);
    if (!state.trouble) frames ??= mails();
    await Promise.all(frames || []);
    if (panels.has("source")) await showSource();
    if (again) return;
    const report = await ask("/checks", whose());
    if (report) judge(report, state);
  };

  const whose = () => ({ reader, ...variant });

  // Lists and variants are offered when there is more than one copy to choose from.
  const offer = (variants) => {
    const choice = byId("variant");
    byId("variants").hidden = variants.length < 2;
    const lists = new Map(variants.map((each) => [each.list, each.title]));
    const options = [...lists].map(([list, title]) => made("optgroup", { label: title }, ...variants
      .filter((each) => each.list === list)
      .map((each) => made("option", { value: `${list}|${each.tags}`, textContent: each.tags ? `tagged ${each.tags.replaceAll(",", ", ")}` : "readers without tags" }))));
    choice.replaceChildren(...(lists.size > 1 ? options : options.flatMap((group) => [...group.children])));
    const wished = `${variant.list || variants[0]?.list || ""}|${variant.tags}`;
    if (variants.length && ![...choice.options].some((each) => each.value === wished)) {
      choice.append(made("option", { value: wished, textContent: `tagged ${variant.tags.replaceAll(",", ", ")}` }));
    }
    choice.value = wished;
    choice.disabled = reader.includes("@");
  };

  const pulse = (is, text) => {
    byId("pulse").dataset.is = is;
    byId("pulse-text").textContent = text;
  };

  const kilobytes = (bytes) => (bytes / 1024).toFixed(1);

  const tell = ({ trouble, mail, milliseconds }) => {
    byId("trouble").hidden = !trouble;
    byId("panels").classList.toggle("is-stale", Boolean(trouble));
    if (trouble) {
      pulse("trouble", "Something has to be mended");
      byId("trouble-message").textContent = trouble.message;
      byId("trouble-remedy").textContent = trouble.remedy;
      const place = byId("trouble-place");
      place.hidden = !trouble.file;
      place.disabled = !trouble.is_listed;
      place.textContent = trouble.line ? `${trouble.file}, line ${trouble.line}` : trouble.file;
      place.onclick = () => aim(trouble.file, trouble.line);
      const excerpt = byId("trouble-excerpt");
      excerpt.hidden = !trouble.excerpt.length;
      excerpt.replaceChildren(...trouble.excerpt.map(([number, text]) =>
        made("span", { className: number === trouble.line ? "aim" : "" }, made("i", { textContent: number }), text || " ")));
      byId("size-text").textContent = "";
      byId("stage").scrollTo(0, 0);
      return;
    }
    pulse("live", `Live · made in ${Math.round(milliseconds)} ms`);
    byId("subject").textContent = mail.subject;
    document.title = `${mail.subject} · Studio`;
    weigh(mail);
  };

  const weigh = (mail, more) => {
    const share = mail.html_size / mail.limit;
    const fill = byId("size-fill");
    fill.style.width = `${Math.min(100, 100 * share)}%`;
    fill.dataset.is = share >= 1 ? "over" : share > 0.88 ? "tight" : "fine";
    byId("size-bar").setAttribute("aria-valuenow", kilobytes(mail.html_size));
    byId("size-bar").setAttribute("aria-valuetext", `${kilobytes(mail.html_size)} of 102 KB`);
    const size = `${kilobytes(mail.html_size)} of the 102 KB Gmail shows`;
    const fits = more === 1 ? "about 1 more article fits" : `about ${more} more articles fit`;
    byId("size-text").textContent = share >= 1
      ? `${size}: it will be clipped.`
      : more === undefined || more === null ? `${size}.` : `${size}; ${fits}.`;
  };

  const judge = (report, state) => {
    findings = report.findings;
    if (state.mail) weigh(state.mail, report.more_articles);
    const button = views.get("checks");
    button.querySelector(".count")?.remove();
    if (findings.length) {
      const worst = report.errors ? "error" : report.warnings ? "warning" : "info";
      const count = made("span", { className: "count", textContent: findings.length });
      count.dataset.is = worst;
      button.querySelector("kbd").before(count);
    }
    if (panels.has("checks")) showChecks();
    if (panels.has("source")) markLines();
  };

  // -- panels -------------------------------------------------------------------------------------

  const remember = () => {
    const kept = new URLSearchParams({ views: shown.join(",") });
    if (reader !== "sample") kept.set("reader", reader);
    for (const [name, value] of Object.entries(variant)) if (value) kept.set(name, value);
    if (onPhone) kept.set("phone", "1");
    history.replaceState(null, "", `#${kept.toString().replaceAll("%2C", ",")}`);
  };

  const lay = () => {
    for (const [key, panel] of panels) {
      if (!shown.includes(key)) { panel.root.remove(); panels.delete(key); }
    }
    const fresh = shown.filter((key) => !panels.has(key));
    for (const key of fresh) panels.set(key, makePanel(key));
    const table = byId("panels");
    shown.forEach((key, place) => {
      const root = panels.get(key).root;
      if (table.children[place] !== root) table.insertBefore(root, table.children[place] || null);
    });
    for (const [key, button] of views) button.setAttribute("aria-pressed", String(shown.includes(key)));
    for (const { close } of panels.values()) close.hidden = shown.length === 1;
    remember();
    fit();
    for (const key of fresh) {
      if (key === "source") showSource();
      else if (key === "checks") showChecks();
      else if (version && byId("trouble").hidden) renewFrame(panels.get(key));
    }
    byId("said").textContent = `Showing ${shown.map((key) => views.get(key).dataset.title).join(", ")}`;
  };

  const only = (key) => { shown = [key]; lay(); };
  const beside = (key) => {
    const without = shown.filter((each) => each !== key);
    if (without.length === shown.length) shown = [...shown, key];
    else if (without.length) shown = without;
    lay();
    panels.get(key)?.root.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const makePanel = (key) => {
    const { title, says, width, fixed, approximate } = views.get(key).dataset;
    const close = made("button", { type: "button", className: "close", textContent: "×", ariaLabel: `Close ${title}` });
    close.onclick = () => { beside(key); byId("stage").focus(); };
    const heading = made("h2", { id: `panel-${key}`, textContent: title });
    const head = made("header", { className: "panel-head" }, heading);
    const paper = made("div", { className: "paper" });
    const root = made("section", { className: "panel" }, head, paper);
    root.dataset.view = key;
    root.setAttribute("aria-labelledby", heading.id);
    const panel = { key, root, head, paper, close, nominal: Number(width), isFixed: fixed !== undefined };
    if (key === "source" || key === "checks") {
      panel.body = made("div", { className: "desk", tabIndex: 0 });
      panel.body.setAttribute("role", "group");
      panel.body.setAttribute("aria-label", title);
      paper.append(panel.body);
      if (key === "source") head.append(fileChoice());
    } else {
      panel.frame = true;
      if (approximate !== undefined) head.append(made("span", { className: "badge", textContent: "approximation" }));
      panel.over = made("span", { className: "badge", hidden: true });
      panel.over.dataset.is = "over";
      head.append(panel.over, made("span", { className: "small", textContent: fixed === undefined ? says : `${width} px`, title: says }));
    }
    head.append(made("span", { className: "end" }, close));
    return panel;
  };

  // The next draft is loaded behind the present one and takes its place at the same scroll position.
  const renewFrame = (panel) => new Promise((done) => {
    panel.paper.querySelector("iframe.incoming")?.remove();
    const old = panel.paper.querySelector("iframe");
    const next = made("iframe", { className: "incoming" });
    next.setAttribute("sandbox", document.body.dataset.frame);
    next.title = views.get(panel.key).dataset.title;
    const settled = setTimeout(done, 2000);
    next.addEventListener("load", () => {
      clearTimeout(settled);
      if (!next.isConnected) { done(); return; }
      size(panel, next);
      const inside = next.contentDocument;
      if (old) {
        next.contentWindow.scrollTo(old.contentWindow?.scrollX ?? 0, old.contentWindow?.scrollY ?? 0);
        if (document.activeElement === old) next.focus();
        old.remove();
      }
      next.classList.remove("incoming");
      inside?.addEventListener("keydown", onKey);
      measure(panel);
      done();
    });
    next.src = `/view/${panel.key}?${new URLSearchParams({ ...whose(), v: news.version })}`;
    panel.paper.append(next);
  });

  const measure = (panel) => {
    const root = panel.paper.querySelector("iframe:not(.incoming)")?.contentDocument?.documentElement;
    const beyond = root ? root.scrollWidth - root.clientWidth : 0;
    panel.over.hidden = beyond <= 0;
    panel.over.textContent = `${beyond} px too wide`;
  };

  const isMail = (panel) => panel.frame && panel.key !== "text" && panel.key !== "inbox";

  // A window that has less room than a view needs shows it smaller instead of narrower, or phones would be everywhere.
  const size = (panel, frame) => {
    if (!frame) return;
    const room = panel.paper.clientWidth;
    const scale = isMail(panel) && !panel.root.hasAttribute("data-fixed") ? Math.min(1, room / panel.nominal) : 1;
    frame.style.width = scale < 1 ? `${panel.nominal}px` : "";
    frame.style.height = scale < 1 ? `${100 / scale}%` : "";
    frame.style.transform = scale < 1 ? `scale(${scale})` : "";
  };

  const fit = () => {
    for (const panel of panels.values()) {
      const fixed = panel.isFixed ? panel.nominal : onPhone && panel.frame ? ON_PHONE : 0;
      panel.root.toggleAttribute("data-fixed", fixed > 0);
      panel.root.style.width = fixed ? `${fixed}px` : "";
      for (const frame of panel.paper.querySelectorAll("iframe")) size(panel, frame);
      if (panel.frame) measure(panel);
    }
    byId("phone-width").setAttribute("aria-pressed", String(onPhone));
  };

  // -- checks and source ----------------------------------------------------------------------------

  const showChecks = () => {
    const { body } = panels.get("checks");
    const errors = findings.filter((each) => each.severity === "error").length;
    const verdict = errors ? `${errors} to mend before it can be sent.`
      : findings.length ? "It can be sent; look at these first." : "Nothing to mend.";
    body.replaceChildren(
      made("p", { className: "verdict", textContent: verdict }),
      made("ol", { className: "findings" }, ...findings.map((each) => made("li", {}, finding(each)))),
    );
  };

  const finding = (each) => {
    const place = each.file ? `${each.file.split("/").pop()}${each.line ? `:${each.line}` : ""}` : "";
    const box = made(each.file ? "button" : "div", { className: "finding" },
      made("span", { className: "finding-rule" }, made("span", { textContent: `${each.severity} · ${each.rule}` }), made("span", { textContent: place })),
      made("b", { textContent: each.message }), each.remedy);
    box.dataset.is = each.severity;
    if (each.file) { box.type = "button"; box.onclick = () => aim(each.file, each.line || 0); }
    return box;
  };

  const fileChoice = () => {
    const choice = made("select", { className: "control source-file", id: "source-file", ariaLabel: "File" });
    choice.onchange = () => { open = { file: choice.value, line: 0 }; showSource(); };
    return choice;
  };

  const listFiles = () => {
    const choice = byId("source-file");
    const groups = Map.groupBy ? Map.groupBy(files, (each) => each.group) : new Map([["Files", files]]);
    const sent = [{ name: "(html)", label: "HTML as sent" }, { name: "(message)", label: "Message as sent" }];
    const option = (each) => made("option", { value: each.name, textContent: each.label || each.name.split("/").slice(-2).join("/") });
    choice.replaceChildren(
      ...[...groups, ["As sent", sent]].map(([label, each]) => made("optgroup", { label }, ...each.map(option))));
    choice.value = open.file;
  };

  const showSource = async () => {
    if (!open.file && files.length) open = { file: files[0].name, line: 0 };
    listFiles();
    const asked = open;
    const lines = await ask("/source", { file: asked.file, ...whose() });
    const panel = panels.get("source");
    if (!panel || asked !== open) return;
    const top = panel.body.scrollTop;
    const list = made("ol", { className: "lines" }, ...(lines || ["This file is gone."]).map(line));
    panel.body.replaceChildren(list);
    markLines();
    const at = list.children[asked.line - 1];
    if (at) {
      at.classList.add("aim");
      at.tabIndex = -1;
      at.scrollIntoView({ block: "center" });
      if (asked.isFresh) at.focus({ preventScroll: true });
      asked.isFresh = false;
    } else {
      panel.body.scrollTop = top;
    }
  };

  // Just enough colour to find one's way: headings, merge tags, addresses.
  const line = (text) => {
    const item = made("li", { className: /^#{1,6} /.test(text) ? "heading" : "" });
    for (const piece of text.split(/(\{\{[^}]*\}\}|https?:\/\/[^\s)>"]+)/)) {
      if (piece.startsWith("{{")) item.append(made("span", { className: "tag", textContent: piece }));
      else if (/^https?:/.test(piece)) item.append(made("span", { className: "link-part", textContent: piece }));
      else item.append(piece);
    }
    if (!text) item.append("\u200b");
    return item;
  };

  const markLines = () => {
    const list = panels.get("source")?.body.querySelector(".lines");
    if (!list) return;
    for (const old of list.querySelectorAll(".says")) old.remove();
    for (const item of list.children) delete item.dataset.is;
    for (const each of findings.filter((found) => found.file === open.file && found.line)) {
      const item = list.children[each.line - 1];
      if (!item) continue;
      item.dataset.is ||= each.severity;
      item.append(made("span", { className: "says", textContent: each.message }));
    }
  };

  const aim = (file, at) => {
    open = { file, line: at, isFresh: true };
    if (panels.has("source")) showSource();
    else beside("source");
    panels.get("source").root.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (!byId("trouble").hidden) byId("panels").classList.remove("is-stale");
  };

  // -- hands --------------------------------------------------------------------------------------

  const choose = (key) => { reader = key; remember(); refresh(); };

  const help = () => byId("help").showModal();

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !keysOn || byId("help").open) return;
    if (event.target.closest?.("input, select, textarea")) return;
    const letter = event.key.toLowerCase();
    const key = letters.get(letter);
    if (event.key === "?") help();
    else if (key) (event.shiftKey ? beside : only)(key);
    else if (LAYOUTS[letter]) { shown = LAYOUTS[letter]; lay(); }
    else if (letter === "0") { shown = [...views.keys()]; lay(); }
    else if (letter === "m") { onPhone = !onPhone; fit(); remember(); }
    else if (letter === "r") byId("reader").focus();
    else if (letter === "v" && !byId("variants").hidden) byId("variant").focus();
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", onKey);
  for (const [key, button] of views) {
    button.onclick = (event) => (event.shiftKey || event.ctrlKey || event.metaKey ? beside : only)(key);
    button.title = button.dataset.says;
  }
  byId("phone-width").onclick = () => { onPhone = !onPhone; fit(); remember(); };
  byId("help-button").onclick = help;
  byId("help-close").onclick = () => byId("help").close();
  byId("keys-on").checked = keysOn;
  byId("keys-on").onchange = (event) => {
    keysOn = event.target.checked;
    localStorage.setItem("studio-keys", keysOn ? "on" : "off");
  };
  byId("reader").onchange = (event) => {
    byId("on-file").hidden = event.target.value !== "@";
    if (event.target.value === "@") byId("address").focus();
    else choose(event.target.value);
  };
  byId("variant").onchange = (event) => {
    const [list, tags] = event.target.value.split("|");
    variant = { list, tags };
    remember();
    refresh();
  };
  const toAddress = () => { if (byId("address").value.includes("@")) choose(byId("address").value.trim()); };
  byId("show-address").onclick = toAddress;
  byId("address").onkeydown = (event) => { if (event.key === "Enter") toAddress(); };
  new ResizeObserver(fit).observe(byId("stage"));

  byId("reader").value = reader.includes("@") ? "@" : reader;
  byId("on-file").hidden = !reader.includes("@");
  if (reader.includes("@")) byId("address").value = reader;
  lay();
  const stream = new EventSource("/changes");
  let lost = true;
  stream.addEventListener("draft", (event) => {
    news = JSON.parse(event.data);
    if (lost || news.version !== version) refresh();
    lost = false;
  });
  stream.onerror = () => { lost = true; pulse("lost", "The studio is away; waiting for it…"); };
})();
