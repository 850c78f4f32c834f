(() => {
  "use strict";
  const SIZE = 1000, ROWS = 20, SVG = "http://www.w3.org/2000/svg";
  const find = (id) => document.getElementById(id);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // Text is only ever set as text: names of assets and rules are whatever their owners made of them.
  function make(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  function draw(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  // --- a line and a box that follow the pointer ----------------------------------------------------
  function follow(plot, tell) {
    const line = make("div", { class: "pointer", hidden: "" });
    const tip = make("div", { class: "tip", hidden: "" });
    plot.append(line, tip);
    const hide = () => { line.hidden = tip.hidden = true; };
    const move = (event) => {
      const box = plot.getBoundingClientRect();
      const told = tell(event.clientX - box.left, event.clientY - box.top, box);
      if (!told) return hide();
      tip.replaceChildren(make("b", {}, told.title), ...told.rows.map((row) => make("div", {}, row)));
      line.hidden = tip.hidden = false;
      line.style.left = `${told.x}px`;
      const room = box.width - tip.offsetWidth;
      tip.style.left = `${clamp(told.x > box.width / 2 ? told.x - tip.offsetWidth - 10 : told.x + 10, 0, Math.max(room, 0))}px`;
    };
    plot.addEventListener("pointermove", move);
    plot.addEventListener("pointerdown", move);
    plot.addEventListener("pointerleave", hide);
  }
  function nearest(sorted, value) {
    let low = 0, high = sorted.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < value) low = middle + 1; else high = middle;
    }
    return low > 0 && value - sorted[low - 1] < sorted[low] - value ? low - 1 : low;
  }
  for (const source of document.querySelectorAll("script.lines")) {
    let lines;
    follow(source.parentElement.querySelector(".plot"), (x, y, box) => {
      lines ??= JSON.parse(source.textContent);
      const places = lines.map((line) => nearest(line.x, (x / box.width) * SIZE));
      const last = lines.length - 1;
      return {
        x: (lines[last].x[places[last]] / SIZE) * box.width,
        title: lines[last].time[places[last]],
        rows: lines.map((line, i) => `${line.name} ${line.text[places[i]]}`),
      };
    });
  }

  // --- the table of trades -------------------------------------------------------------------------
  const source = find("trade-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const columns = data.columns;
  const column = Object.fromEntries(columns.map((one) => [one.name, one.values]));
  const count = column.id.length;
  const digits = (least, most) => new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
  const money = digits(2, 2), whole = digits(0, 0), percent = digits(2, 2);
  const six = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });
  const written = {
    money: (value) => money.format(value),
    percent: (value) => `${percent.format(100 * value)}%`,
    count: (value) => whole.format(value),
    price: (value) => (Math.abs(value) >= 1e5 ? money : six).format(value),
  };
  const cell = (one, row) => {
    const value = one.values[row];
    return value === null ? "" : (written[one.kind] || String)(value);
  };
  const isText = (one) => one.kind === "name" || one.kind === "time";
  const everything = Array.from({ length: count }, (_, row) =>
    columns.filter(isText).map((one) => one.values[row]).concat(column.id[row]).join("\n").toLowerCase());
  const place = new Map(column.id.map((id, row) => [id, row]));

  const section = find("trades");
  const body = section.querySelector("tbody");
  const filters = [...section.querySelectorAll("[data-filter]")];
  const search = find("search");
  let order = null, falling = false, page = 0, shown = [], chosen = null;

  const heads = columns.map((one) => {
    const button = make("button", { type: "button" }, one.label);
    const head = make("th", { scope: "col", "data-column": one.name, class: isText(one) ? "text" : "" }, button);
    button.addEventListener("click", () => {
      // Numbers first from the highest, names from the first.
      falling = order === one ? !falling : !isText(one) && one.name !== "id";
      order = one;
      page = 0;
      show();
    });
    return head;
  });
  section.querySelector("thead").append(make("tr", {}, ...heads));

  function compare(a, b) {
    const one = order.values[a], other = order.values[b];
    if (one === other) return a - b;
    if (one === null) return 1; // what there is none of comes last, whatever the direction
    if (other === null) return -1;
    return (one < other ? -1 : 1) * (falling ? -1 : 1);
  }
  function passes(row, words, wanted) {
    for (const [name, value] of wanted) {
      if (name === "outcome") {
        if ((column.pnl[row] > 0) !== (value === "gains")) return false;
      } else if (column[name][row] !== value) return false;
    }
    return words.every((word) => everything[row].includes(word));
  }
  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = filters.filter((one) => one.value).map((one) => [one.dataset.filter, one.value]);
    shown = [];
    for (let row = 0; row < count; row++) if (passes(row, words, wanted)) shown.push(row);
    if (order) shown.sort(compare);
    columns.forEach((one, i) => {
      if (one === order) heads[i].setAttribute("aria-sort", falling ? "descending" : "ascending");
      else heads[i].removeAttribute("aria-sort");
    });
    const sum = shown.reduce((total, row) => total + column.pnl[row], 0);
    find("counted").textContent =
      `${whole.format(shown.length)} of ${whole.format(count)} trades, net P&L ${money.format(sum)}. Choose one to see its bars and its story.`;
    turn();
  }
  function turn() {
    const pages = Math.max(1, Math.ceil(shown.length / ROWS));
    page = clamp(page, 0, pages - 1);
    body.replaceChildren(...shown.slice(page * ROWS, (page + 1) * ROWS).map(tableRow));
    find("page-number").textContent = `Page ${page + 1} of ${whole.format(pages)}`;
    find("back").disabled = page === 0;
    find("forth").disabled = page === pages - 1;
  }
  function tableRow(row) {
    const cells = columns.map((one) => {
      const kinds = isText(one) ? ["text"] : [];
      if (one.name === "pnl" && one.values[row] !== 0) kinds.push(one.values[row] > 0 ? "gain" : "loss");
      return make("td", kinds.length ? { class: kinds.join(" ") } : {}, cell(one, row));
    });
    const made = make("tr", { "data-row": row, tabindex: "0", "aria-selected": String(row === chosen) }, ...cells);
    return made;
  }
  const rowOf = (event) => event.target.closest("tr[data-row]");
  body.addEventListener("click", (event) => { if (rowOf(event)) choose(Number(rowOf(event).dataset.row), true); });
  body.addEventListener("keydown", (event) => {
    if (rowOf(event) && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(Number(rowOf(event).dataset.row), true);
    }
  });
  for (const one of filters) one.addEventListener("change", () => { page = 0; show(); });
  search.addEventListener("input", () => { page = 0; show(); });
  find("reset").addEventListener("click", () => {
    search.value = "";
    for (const one of filters) one.value = "";
    order = null;
    page = 0;
    show();
  });
  find("back").addEventListener("click", () => { page--; turn(); });
  find("forth").addEventListener("click", () => { page++; turn(); });

  // --- a chosen trade ------------------------------------------------------------------------------
  const blocks = new Map();
  async function unpacked(number) {
    if (!blocks.has(number)) {
      const bytes = Uint8Array.from(atob(find(`block-${number}`).textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      blocks.set(number, JSON.parse(await new Response(stream).text()));
    }
    return blocks.get(number);
  }
  let drawn = null;
  async function choose(row, isAsked) {
    chosen = row;
    for (const one of body.children) one.setAttribute("aria-selected", String(Number(one.dataset.row) === row));
    const panel = find("chosen");
    if (typeof DecompressionStream === "undefined") {
      panel.hidden = false;
      find("trade-note").textContent = "This browser is too old to unpack what the page holds of a trade.";
      return;
    }
    const told = (await unpacked(Math.floor(row / data.block)))[row % data.block];
    if (chosen !== row) return; // another one was chosen meanwhile
    panel.hidden = false;
    panel.dataset.trade = column.id[row];
    find("chosen-title").textContent = told.title;
    find("story").replaceChildren(...told.told.map((sentence) => make("li", {}, sentence)));
    drawn = told.bars;
    paint();
    const at = shown.indexOf(row);
    find("trade-back").disabled = at <= 0;
    find("trade-forth").disabled = at < 0 || at === shown.length - 1;
    if (isAsked) panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
  function step(by) {
    const at = shown.indexOf(chosen) + by;
    if (at < 0 || at >= shown.length) return;
    if (Math.floor(at / ROWS) !== page) { page = Math.floor(at / ROWS); turn(); }
    choose(shown[at], false);
  }
  find("trade-back").addEventListener("click", () => step(-1));
  find("trade-forth").addEventListener("click", () => step(1));

  // The point nearest to a click among all trades, not among those of the table.
  const dots = document.querySelector("#excursions .plot");
  const nearestTrade = (x, y, box) => {
    let best = null, least = 24 * 24;
    for (let row = 0; row < count; row++) {
      if (column.mfe[row] === null) continue;
      const across = (-column.mae[row] / dots.dataset.right) * box.width - x;
      const down = (1 - column.mfe[row] / dots.dataset.top) * box.height - y;
      const far = across * across + down * down;
      if (far < least) [best, least] = [row, far];
    }
    return best;
  };
  if (dots) {
    follow(dots, (x, y, box) => {
      const row = nearestTrade(x, y, box);
      if (row === null) return null;
      return {
        x: (Math.abs(column.mae[row]) / dots.dataset.right) * box.width,
        title: `Trade ${column.id[row]}, ${column.asset[row]}`,
        rows: [`P&L ${money.format(column.pnl[row])}`, `MFE ${written.percent(column.mfe[row])}, MAE ${written.percent(column.mae[row])}`],
      };
    });
    dots.addEventListener("click", (event) => {
      const box = dots.getBoundingClientRect();
      const row = nearestTrade(event.clientX - box.left, event.clientY - box.top, box);
      if (row !== null) choose(row, true);
    });
  }

  // --- its bars ------------------------------------------------------------------------------------
  const chart = find("trade-chart");
  const LEFT = 4, RIGHT = 58, TOP = 12, BOTTOM = 22;
  function ticks(low, high, most) {
    const power = 10 ** Math.floor(Math.log10((high - low) / most));
    const size = power * ([1, 2, 2.5, 5, 10].find((one) => (high - low) / (power * one) <= most) || 20);
    const found = [];
    for (let n = Math.ceil(low / size - 1e-9); n * size <= high + 1e-9 * size; n++) found.push(n * size);
    return found;
  }
  function clock(seconds) {
    const text = new Date(seconds * 1000).toISOString();
    return seconds % 86400 === 0 ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
  }
  function paint() {
    const plot = make("div", { class: "drawn" });
    chart.replaceChildren(plot);
    const note = find("trade-note");
    if (!drawn) {
      note.textContent = "The bars of this trade are not in this page: see its end.";
      return;
    }
    note.textContent = drawn.k > 1
      ? `Each bar drawn stands for ${drawn.k} bars, from their first to their last, lowest to highest.` : "";
    const n = drawn.c.length, isRange = Boolean(drawn.h);
    const times = drawn.t.reduce((all, one, i) => { all.push(i ? all[i - 1] + one : one); return all; }, []);
    const width = Math.max(chart.clientWidth, 280), height = width < 520 ? 250 : 320;
    const values = [...(isRange ? drawn.h.concat(drawn.l) : drawn.c), ...drawn.fills.map((one) => one[1])];
    for (const level of drawn.levels) values.push(...level.at.map((one) => one[1]).filter((value) => value !== null));
    let low = Math.min(...values), high = Math.max(...values);
    const pad = (high - low || Math.abs(high) * 0.02 || 1) * 0.06;
    low -= pad; high += pad;
    const step = (width - LEFT - RIGHT) / n;
    const x = (i) => LEFT + step * (i + 0.5);
    const y = (value) => TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM);
    const svg = draw(plot, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Bars of the trade" });
    for (const tick of ticks(low, high, 5)) {
      draw(svg, "path", { d: `M${LEFT} ${y(tick)}H${width - RIGHT}`, class: "grid" });
      draw(svg, "text", { x: width - RIGHT + 6, y: y(tick) + 4 }, written.price(Number(tick.toPrecision(10))));
    }
    const labels = clamp(Math.floor(width / 175), 2, 6);
    const isDaily = times.every((one) => one % 86400 === 0);
    for (let k = 0; k < labels; k++) {
      const i = Math.round((k * (n - 1)) / (labels - 1));
      const anchor = k === 0 ? "start" : k === labels - 1 ? "end" : "middle";
      const text = clock(times[i]);
      draw(svg, "text", { x: anchor === "start" ? LEFT : x(i), y: height - 5, "text-anchor": anchor }, isDaily || width > 700 ? text : text.slice(5));
    }
    if (isRange) {
      const paths = { "wick-up": "", "wick-down": "", "body-up": "", "body-down": "" };
      for (let i = 0; i < n; i++) {
        const kind = drawn.c[i] >= drawn.o[i] ? "up" : "down";
        paths[`wick-${kind}`] += `M${x(i).toFixed(1)} ${y(drawn.h[i]).toFixed(1)}V${y(drawn.l[i]).toFixed(1)}`;
        const [from, to] = [y(drawn.o[i]), y(drawn.c[i])];
        paths[`body-${kind}`] += `M${x(i).toFixed(1)} ${from.toFixed(1)}V${(Math.abs(to - from) < 1 ? from + 1 : to).toFixed(1)}`;
      }
      for (const [name, d] of Object.entries(paths))
        draw(svg, "path", { d, class: name, "stroke-width": name.startsWith("body") ? clamp(step * 0.62, 1, 16) : 1 });
    } else {
      draw(svg, "path", { d: drawn.c.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("") + (n === 1 ? "h0" : ""), class: "close", "stroke-linecap": "round" });
    }
    for (const level of drawn.levels) paintLevel(svg, level, x, y, step);
    const shapes = { buy: "M0 -1L7 11H-7Z", sell: "M0 1L7 -11H-7Z", exit: "M-5.5 -5.5L5.5 5.5M5.5 -5.5L-5.5 5.5" };
    for (const [i, price, kind] of drawn.fills) {
      const at = { d: shapes[kind], transform: `translate(${x(i).toFixed(1)} ${y(price).toFixed(1)})` };
      if (kind === "exit") draw(svg, "path", { ...at, class: "mark around" });
      draw(svg, "path", { ...at, class: `mark ${kind}` });
    }
    chart.prepend(key(isRange));
    follow(plot, (px) => {
      const scale = chart.clientWidth / width;
      const i = clamp(Math.floor((px / scale - LEFT) / step), 0, n - 1);
      const rows = isRange
        ? [`open ${written.price(drawn.o[i])}  high ${written.price(drawn.h[i])}`, `low ${written.price(drawn.l[i])}  close ${written.price(drawn.c[i])}`]
        : [`close ${written.price(drawn.c[i])}`];
      for (const [at, price, kind] of drawn.fills) if (at === i) rows.push(`${kind} at ${written.price(price)}`);
      return { x: x(i) * scale, title: clock(times[i]), rows };
    });
  }
  function paintLevel(svg, level, x, y, step) {
    const at = level.at, last = at.length - 1;
    if (level.steps) {
      let d = "", isDrawn = false;
      at.forEach(([i, value], k) => {
        const px = (x(i) + (last > 0 && k === last ? step : -step) / 2).toFixed(1);
        if (isDrawn) d += `H${px}`;
        if (value !== null) d += isDrawn ? `V${y(value).toFixed(1)}` : `M${px} ${y(value).toFixed(1)}`;
        isDrawn = value !== null;
      });
      if (last === 0 && isDrawn) d += `H${(x(at[0][0]) + step / 2).toFixed(1)}`;
      draw(svg, "path", { d, class: level.kind });
      return;
    }
    // Known at entry and exit alone: where it moved, what lies between is drawn as not known.
    const ends = at.map(([i, value], k) => `${(x(i) + (k ? step : -step) / 2).toFixed(1)} ${y(value).toFixed(1)}`);
    const moved = last > 0 && at[0][1] !== at[last][1];
    draw(svg, "path", { d: `M${ends.join("L")}${last ? "" : "h0"}`, class: moved ? `${level.kind} unknown` : level.kind });
    if (moved || !last) for (const [i, value] of at) draw(svg, "path", { d: `M${(x(i) - 9).toFixed(1)} ${y(value).toFixed(1)}h18`, class: level.kind, style: "stroke-dasharray:none;stroke-width:2px" });
  }
  function key(isRange) {
    const has = (kind) => drawn.fills.some((one) => one[2] === kind);
    const moved = drawn.levels.some((one) => !one.steps && one.at.length > 1 && one.at[0][1] !== one.at[1][1]);
    const parts = [[isRange ? "┃" : "━", isRange ? "bars" : "close", "price"]];
    if (has("buy")) parts.push(["▲", "bought to open", "exit"]);
    if (has("sell")) parts.push(["▼", "sold to open", "exit"]);
    if (has("exit")) parts.push(["✖", "exit", "exit"]);
    for (const level of drawn.levels) parts.push(["╌", level.name, level.kind]);
    if (moved) parts.push(["┈", "moved: known at entry and exit", "soft"]);
    return make("div", { class: "key" }, ...parts.map(([sign, text, color]) =>
      make("span", {}, make("i", { style: `color:var(--${color})` }, sign), text)));
  }
  let width = chart.clientWidth;
  addEventListener("resize", () => {
    if (!find("chosen").hidden && drawn && chart.clientWidth !== width) { width = chart.clientWidth; paint(); }
  });

  show();
  if (count) choose(0, false);
})();
