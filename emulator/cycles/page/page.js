// SPDX-License-Identifier: GPL-2.0-or-later
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main"), tip = document.getElementById("tip");
const number = (value) => value.toLocaleString("en-US");
const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
function drawn(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function section(id, title, ...content) {
  document.getElementById("nav").append(element("a", {href: `#${id}`}, title));
  const made = element("section", {id}, element("h2", {}, title), ...content);
  main.append(made);
  return made;
}
function table(headings, rows, attributes = {}) {
  const head = element("tr", {}, ...headings.map((heading) => element("th", heading.attributes || {}, heading.text ?? heading)));
  return element("table", attributes, element("thead", {}, head), element("tbody", {}, ...rows));
}
const cell = (content, attributes = {}) => element("td", attributes, content);

// --- light and dark -------------------------------------------------------------------------------------------------

const asked = new URLSearchParams(location.search).get("theme") || (location.hash.match(/theme=(\w+)/) || [])[1];
document.documentElement.dataset.theme = asked || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
});

// --- summary ----------------------------------------------------------------------------------------------------------

main.append(element("h1", {}, data.title), element("p", {class: "note"}, data.subtitle));
function summary() {
  const card = (value, what) => element("div", {class: "card"}, element("b", {}, value), element("span", {}, what));
  const cards = element("div", {class: "cards"});
  for (const run of data.runs) {
    cards.append(card(number(run.instructions), `instructions retired: ${run.name}`));
  }
  const calls = data.paths.filter((path) => !path.step).reduce((sum, path) => sum + path.calls, 0);
  cards.append(card(number(calls), "calls of named paths"));
  if (data.checks) cards.append(card(`${data.checks.agree} of ${data.checks.all}`, "checksums equal the host's"));
  cards.append(card(data.runs[0].state_hash.slice(0, 8), `state hash (${data.runs[0].name}): ${data.runs[0].state_hash}`));
  const made = section("summary", "Summary", cards);
  if (data.claims.length) {
    const models = data.models.map((model) => model.name);
    const rows = data.claims.map((claim) => element("tr", {},
      cell(claim.id), cell(claim.text, {class: "text"}), cell(claim.paper, {class: "text"}), cell(claim.target, {class: "text"}),
      ...models.map((model) => cell(claim.measured[model], {class: "text"})),
      cell(claim.holds ? "yes" : "no", {class: claim.holds ? "yes" : "no"})));
    made.append(element("div", {class: "panel"},
      table(["", ...["claim", "the paper", "target", ...models].map((text) => ({text, attributes: {class: "text"}})), "holds"], rows, {id: "claims"})));
  }
  for (const model of data.models) {
    made.append(element("p", {class: "note"}, element("b", {}, model.name), `: ${model.source}. Limits: ${model.limits}.`));
  }
}

// --- paths -------------------------------------------------------------------------------------------------------------

// The distribution of a path's calls: bars on a logarithmic scale, so that rare calls are seen.
function spark(histogram, width = 150, height = 22) {
  const svg = drawn("svg", {class: "spark", width, height, viewBox: `0 0 ${width} ${height}`});
  const low = histogram[0][0], high = histogram[histogram.length - 1][0], bins = new Array(Math.floor(width / 4)).fill(0);
  for (const [value, count] of histogram) {
    bins[high === low ? 0 : Math.floor((value - low) / (high - low) * (bins.length - 1))] += count;
  }
  const top = Math.log1p(Math.max(...bins));
  bins.forEach((count, index) => {
    if (!count) return;
    const tall = Math.max(2, Math.log1p(count) / top * height);
    svg.append(drawn("rect", {x: index * 4, y: height - tall, width: 3, height: tall, rx: 1}));
  });
  svg.append(drawn("title", {}, histogram.slice(0, 12).map(([value, count]) => `${number(value)} instructions: ${number(count)} calls`)
    .join("\n") + (histogram.length > 12 ? `\n… ${histogram.length} different costs` : "")));
  return svg;
}
const detail = (path) => Object.entries(path.parameters).map(([key, value]) => `${key} ${number(value)}`).join(", ");
function paths() {
  const models = data.models.map((model) => model.name).filter((name) => name !== "ideal");
  const columns = [
    {text: "path", key: (path) => path.name + detail(path)}, {text: "calls", key: (path) => path.calls},
    {text: "own", key: (path) => path.own}, {text: "total min", key: (path) => path.instructions.min},
    {text: "median", key: (path) => path.instructions.median}, {text: "max", key: (path) => path.instructions.max},
    ...models.map((model) => ({text: `${model} median`, key: (path) => path.cycles[model].median})),
    {text: "interrupts", key: (path) => path.interrupts},
    {text: "calls by cost (log)", key: null},
  ];
  const row = (path) => element("tr", {class: path.step ? "step" : "path", "data-path": path.name},
    element("td", {}, path.step || path.name, element("small", {}, detail(path))),
    cell(number(path.calls)), cell(number(path.own)), cell(number(path.instructions.min)),
    element("td", {}, element("b", {}, number(path.instructions.median))), cell(number(path.instructions.max)),
    ...models.map((model) => cell(number(path.cycles[model].median))),
    cell(path.interrupts ? number(path.interrupts) : ""), cell(spark(path.histogram)));
  const body = element("tbody");
  const filter = element("input", {placeholder: "filter by name", "aria-label": "filter by name", on: {input: () => show()}});
  let order = null, down = true;
  function show() {
    const wanted = filter.value.toLowerCase();
    const chosen = data.paths.filter((path) => (path.name + path.step + detail(path)).toLowerCase().includes(wanted));
    if (order) {
      chosen.sort((a, b) => {
        const x = order(a), y = order(b);
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
      });
    }
    body.replaceChildren(...chosen.map(row));
  }
  const head = element("tr", {}, ...columns.map((column) => element("th", column.key ? {
    class: "sortable", title: "sort", on: {click: () => { down = order === column.key ? !down : true; order = column.key; show(); }},
  } : {}, column.text)));
  section("paths", "Paths",
    element("p", {class: "note"}, "Instructions a call: own (median), then total, which includes other paths that were open inside; " +
      "interrupts that cut calls are in neither, their instructions are summed in a column of their own."),
    element("div", {class: "tools"}, filter),
    element("div", {class: "panel"}, element("table", {id: "path-table"}, element("thead", {}, head), body)));
  show();
}

// --- timeline ------------------------------------------------------------------------------------------------------------

function timeline() {
  const line = data.timeline, ROW = 17, GAP = 12, LEFT = 92, AXIS = 26;
  const svg = drawn("svg", {id: "lanes"});
  const span = element("span", {class: "note", id: "span"});
  const jump = element("select", {"aria-label": "jump to", on: {change: () => go(line.moments[jump.value])}});
  line.moments.forEach((moment, index) => jump.append(element("option", {value: index}, `${moment.name} at ${number(moment.begin)}`)));
  const button = (text, title, act) => element("button", {title, on: {click: act}}, text);
  const legend = element("div", {class: "legend"}, ...line.legend.map(([kind, text]) =>
    element("span", {}, element("i", {style: `background: var(--${kind})`}), text)));
  section("timeline", "Timeline of harts",
    element("p", {class: "note"}, line.note),
    legend,
    element("div", {class: "tools"}, "jump to", jump, button("−", "zoom out", () => zoom(2)), button("+", "zoom in", () => zoom(.5)),
      button("◀", "earlier", () => pan(-.5)), button("▶", "later", () => pan(.5)),
      button("all", "the whole window", () => { from = line.begin; to = line.end; draw(); }), element("span", {class: "grow"}), span),
    element("div", {class: "panel"}, svg));
  // Lanes from top to bottom: where the pointer led, who was held in the tank, each hart with a row for each depth of nesting.
  const lanes = [];
  if (line.pointer.length) lanes.push({name: "pointer", rows: [line.pointer]});
  line.held.forEach((row, index) => lanes.push({name: index ? "" : "held in tank", rows: [row]}));
  const harts = new Map();
  for (let hart = 0; hart < line.harts; hart++) {
    const rows = line.rows[hart];
    const lane = {name: `hart ${hart}`, rows: rows.length ? rows : [[]]};
    harts.set(hart, lane);
    lanes.push(lane);
  }
  let top = AXIS;
  for (const lane of lanes) { lane.top = top; top += lane.rows.length * ROW + (lane.name || lane === lanes[0] ? GAP : 4); }
  const height = top + 4;
  let from = line.begin, to = line.end;
  function go(moment) {
    const around = Math.max((moment.end - moment.begin) * .6, 200);
    from = moment.begin - around; to = moment.end + around;
    draw();
  }
  function zoom(factor, at = .5) {
    const middle = from + (to - from) * at, wide = Math.max((to - from) * factor, 20);
    from = middle - wide * at; to = from + wide;
    draw();
  }
  function pan(part) { const by = (to - from) * part; from += by; to += by; draw(); }
  // First piece of a row that ends behind a moment: pieces of a row do not overlap.
  function first(row, moment) {
    let low = 0, high = row.length;
    while (low < high) { const middle = (low + high) >> 1; if (row[middle][1] <= moment) low = middle + 1; else high = middle; }
    return low;
  }
  function draw() {
    const width = svg.clientWidth || 1100, scale = (width - LEFT) / (to - from), x = (time) => LEFT + (time - from) * scale;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    const parts = [];
    const step = 10 ** Math.floor(Math.log10((to - from) / 5)), tick = (to - from) / step > 12 ? step * 2.5 : step;
    for (let time = Math.ceil(from / tick) * tick; time <= to; time += tick) {
      parts.push(drawn("line", {class: "rule", x1: x(time), x2: x(time), y1: AXIS - 6, y2: height}));
      parts.push(drawn("text", {class: "axis", x: x(time) + 3, y: 14}, number(Math.round(time))));
    }
    for (const lane of lanes) {
      parts.push(drawn("text", {class: "name", x: 12, y: lane.top + ROW - 5}, lane.name));
      lane.rows.forEach((row, depth) => {
        let last = -1;
        for (let i = first(row, from); i < row.length && row[i][0] < to; i++) {
          const [begin, end, name, kind] = row[i];
          const left = Math.max(x(begin), LEFT), right = Math.min(x(end), width);
          if (right - last < .6) continue; // a pixel that is drawn already
          last = right;
          const rect = drawn("rect", {x: left, y: lane.top + depth * ROW, width: Math.max(right - left, .8), height: ROW - 2,
            rx: right - left > 6 ? 3 : 0, fill: `var(--${line.kinds[kind]})`});
          rect.piece = row[i];
          parts.push(rect);
          const room = Math.floor((right - left - 8) / 6), text = line.names[name];
          if (room > 2) {
            const pale = ["asleep", "exception"].includes(line.kinds[kind]);
            parts.push(drawn("text", {x: left + 4, y: lane.top + depth * ROW + 11.5, fill: pale ? "var(--on-pale)" : "var(--on)"},
              text.length > room ? text.slice(0, room - 1) + "…" : text));
          }
        }
      });
    }
    for (const [name, fromHart, begin, toHart, end] of line.flows) {
      if (Math.max(begin, end) < from || Math.min(begin, end) > to) continue;
      const middle = (hart) => harts.get(hart).top + Math.min(harts.get(hart).rows.length, 2) * ROW / 2 + 4;
      const x1 = x(begin), x2 = x(end), y1 = middle(fromHart), y2 = middle(toHart);
      const bend = Math.max(Math.abs(x2 - x1) / 2, 24);
      const arrow = drawn("path", {class: "flow", "data-flow": name, d: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`});
      arrow.append(drawn("title", {}, name));
      parts.push(arrow, drawn("path", {class: "head", d: `M${x2} ${y2} l-7 -4 v8 z`}));
      parts.push(drawn("text", {class: "axis", x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 3}, name));
    }
    svg.replaceChildren(...parts);
    span.textContent = `${number(Math.round(to - from))} cycles shown`;
  }
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.25 : .8, Math.min(Math.max((event.clientX - box.left - LEFT) / (box.width - LEFT), 0), 1));
  }, {passive: false});
  let held = null;
  svg.addEventListener("pointerdown", (event) => { held = [event.clientX, from, to]; svg.setPointerCapture(event.pointerId); });
  svg.addEventListener("pointerup", () => { held = null; });
  svg.addEventListener("pointermove", (event) => {
    if (held) {
      const by = (held[0] - event.clientX) * (held[2] - held[1]) / (svg.clientWidth - LEFT);
      from = held[1] + by; to = held[2] + by;
      draw();
      return;
    }
    const piece = event.target.piece;
    tip.hidden = !piece;
    if (!piece) return;
    tip.textContent = `${line.names[piece[2]]}\n${number(piece[1] - piece[0])} cycles, from ${number(piece[0])}` +
      (piece[4] ? `\nthread ${piece[4]}` : "");
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - 350)}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  addEventListener("resize", draw);
  if (line.moments.length) { jump.value = line.first; go(line.moments[line.first]); } else draw();
}

// --- source ---------------------------------------------------------------------------------------------------------------

function source() {
  const files = data.sources, code = element("div", {class: "code panel", id: "code"});
  const choose = element("select", {"aria-label": "file", on: {change: () => show()}});
  files.forEach((file, index) => choose.append(element("option", {value: index}, `${file.run}: ${file.name} (${number(file.instructions)})`)));
  const assembly = element("input", {type: "checkbox", id: "assembly", on: {change: () => code.classList.toggle("with-asm", assembly.checked)}});
  const top = Math.log1p(Math.max(...files.flatMap((file) => file.lines.map((row) => row[2])), 1));
  const heat = (count) => `background: rgba(var(--heat), ${count ? (.04 + .34 * Math.log1p(count) / top).toFixed(3) : 0})`;
  function show() {
    const rows = [];
    for (const [line, text, count, instructions] of files[choose.value].lines) {
      rows.push(element("tr", {class: count === null ? "never" : "ran", "data-line": line},
        element("td", {class: "count", style: heat(count || 0)}, count === null ? "" : number(count)),
        element("td", {class: "number"}, line ? String(line) : ""), element("td", {class: "source"}, text)));
      for (const [address, assembled, times] of instructions) {
        rows.push(element("tr", {class: "asm"}, element("td", {class: "count"}, number(times)), element("td", {class: "number"}),
          element("td", {class: "source"}, `${address}  ${assembled}`)));
      }
    }
    code.replaceChildren(element("table", {}, element("tbody", {}, ...rows)));
    code.scrollTop = 0;
    const hottest = rows.reduce((best, row) => {
      const times = row.classList.contains("ran") ? Number(row.firstChild.textContent.replaceAll(",", "")) : -1;
      return times > best[0] ? [times, row] : best;
    }, [-1, null])[1];
    if (hottest) code.scrollTop = Math.max(hottest.offsetTop - 200, 0);
  }
  section("source", "Annotated source",
    element("p", {class: "note"}, "How often each line ran (the instruction of it that ran most often). Files by the instructions that retired in them."),
    element("div", {class: "tools"}, choose, element("label", {for: "assembly"}, assembly, " with the instructions")), code);
  show();
}

// --- comparison -----------------------------------------------------------------------------------------------------------

function comparison() {
  const other = data.comparison;
  const change = (before, now) => {
    if (before === null || now === null) return cell(now === null ? "vanished" : "appeared", {class: now === null ? "no" : "yes"});
    const by = now - before;
    const share = before ? ` (${by > 0 ? "+" : ""}${(by / before * 100).toFixed(1)} %)` : "";
    return cell(by === 0 ? "=" : `${by > 0 ? "+" : "−"}${number(Math.abs(by))}${share}`, {class: by > 0 ? "more" : by < 0 ? "less" : ""});
  };
  const value = (figure) => cell(figure === null ? "" : number(figure));
  const rows = other.rows.map(([label, callsBefore, callsNow, minBefore, minNow, before, now]) => element("tr", {"data-path": label},
    cell(label, {class: "text"}), value(callsBefore), value(callsNow), value(minBefore), value(minNow), value(before), value(now), change(before, now)));
  const changed = other.rows.filter((row) => row[5] !== row[6]).length;
  section("comparison", "Comparison of two runs",
    element("p", {class: "note"}, `Before: ${other.before}. ${changed} of ${other.rows.length} paths have another median.`),
    element("div", {class: "panel"}, table(["path", "calls before", "now", "least before", "now", "median before", "now", "change of the median"],
      rows, {id: "comparison-table"})));
}

summary();
if (data.paths.length) paths();
if (data.timeline) timeline();
if (data.sources.length) source();
if (data.comparison) comparison();
main.append(element("footer", {}, data.creator));
document.documentElement.dataset.ready = "yes";
