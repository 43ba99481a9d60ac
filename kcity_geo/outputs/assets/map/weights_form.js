// The form of the live weights: a slider and a number for each weight and limit, the table of sites, the buttons.

function kcSlider(title, attributes, unit) {
  var row = kcElement("div", "kc-slide"), label = kcElement("label", "", title), id = "kc-w" + kcSlider.count++;
  var range = kcElement("input"), number = kcElement("input");
  label.htmlFor = id;
  label.dir = "auto";
  range.type = "range";
  number.type = "number";
  range.id = id;
  Object.keys(attributes).forEach(function (key) {
    range.setAttribute(key, attributes[key]);
    if (key !== "step" && key !== "aria-valuetext") { number.setAttribute(key, attributes[key]); }
  });
  number.setAttribute("aria-label", title + ", " + unit);
  number.step = "any";
  row.append(label, range, number, kcElement("span", "kc-unit", unit));
  return { row: row, range: range, number: number };
}
kcSlider.count = 0;

// One weight moves; what is free gives or takes in proportion, what is locked stays.
function kcMoveWeight(weights, locked, at, to) {
  var held = 0, free = [];
  weights.forEach(function (w, k) {
    if (k === at) { return; }
    if (locked[k]) { held += w; } else { free.push(k); }
  });
  var most = Math.max(0, 1 - held), value = free.length ? Math.min(Math.max(to, 0), most) : most;
  var before = free.reduce(function (sum, k) { return sum + weights[k]; }, 0), left = most - value;
  weights[at] = value;
  free.forEach(function (k) { weights[k] = before > 0 ? weights[k] / before * left : left / free.length; });
}

function kcNearestStep(steps, value) {
  var best = 0;
  steps.forEach(function (step, i) { if (Math.abs(step - value) < Math.abs(steps[best] - value)) { best = i; } });
  return best;
}

function kcPlain(value, digits) { return String(Number(value.toFixed(digits))); }

// Percent as the language of the page writes it.
function kcPercent(number) { return number + (document.documentElement.lang.slice(0, 2) === "ko" ? "%" : " %"); }

function kcWeightsForm(box, data, onChange) {
  var locked = data.criteria.map(function () { return false; });
  box.appendChild(kcElement("p", "kc-small", kcWeightsText("lead")));
  var weights = kcElement("fieldset"), limits = kcElement("fieldset");
  weights.appendChild(kcElement("legend", "", kcWeightsText("weights")));
  limits.appendChild(kcElement("legend", "", kcWeightsText("limits")));
  var sliders = data.criteria.map(function (c, k) {
    var one = kcSlider(kcOwnText(c.title), { min: 0, max: 100, step: 1 }, "%"), lock = kcElement("label", "kc-lock");
    var tick = kcElement("input");
    tick.type = "checkbox";
    tick.setAttribute("aria-label", kcWeightsText("lock_one", { title: kcOwnText(c.title) }));
    lock.append(tick, kcElement("span", "", kcWeightsText("lock")));
    one.row.appendChild(lock);
    one.tick = tick;
    tick.addEventListener("change", function () {
      locked[k] = tick.checked;
      one.range.disabled = one.number.disabled = tick.checked;
    });
    function take(event) {
      var value = parseFloat(event.target.value);
      if (value !== value) { return; }
      onChange(function (state) { kcMoveWeight(state.weights, locked, k, value / 100); });
    }
    one.range.addEventListener("input", take);
    one.number.addEventListener("change", take);
    weights.appendChild(one.row);
    return one;
  });
  var movers = data.limits.map(function (limit, l) {
    var one = kcSlider(kcOwnText(limit.title), { min: 0, max: limit.steps.length - 1, step: 1 }, limit.unit);
    one.number.min = limit.steps[0] * limit.factor;
    one.number.max = limit.steps[limit.steps.length - 1] * limit.factor;
    one.range.addEventListener("input", function () {
      onChange(function (state) { state.limits[l] = Number(one.range.value); });
    });
    one.number.addEventListener("change", function () {
      var value = parseFloat(one.number.value) / limit.factor;
      if (value !== value) { return; }
      onChange(function (state) { state.limits[l] = kcNearestStep(limit.steps, value); });
    });
    limits.appendChild(one.row);
    return one;
  });
  box.append(weights);
  if (data.limits.length) { box.append(limits); }
  if (data.fixed.length) {
    box.appendChild(kcElement("p", "kc-small", kcWeightsText("fixed", { list: data.fixed.map(kcOwnText).join(", ") })));
  }
  if (data.missing.length) {
    box.appendChild(kcElement("p", "kc-small",
      kcWeightsText("missing", { list: data.missing.map(function (c) { return kcOwnText(c.title); }).join(", ") })));
  }
  var blankText = kcElement("p", "kc-small", kcWeightsText("blank"));
  box.appendChild(blankText);
  return {
    unlock: function () {
      locked.fill(false);
      sliders.forEach(function (one) { one.tick.checked = one.range.disabled = one.number.disabled = false; });
    },
    show: function (state, blank) {
      blankText.hidden = !blank;
      sliders.forEach(function (one, k) {
        var percent = kcPlain(100 * state.weights[k], 1);
        one.range.value = 100 * state.weights[k];
        one.range.setAttribute("aria-valuetext", kcPercent(percent));
        if (document.activeElement !== one.number || parseFloat(one.number.value) !== Number(percent)) {
          one.number.value = percent;
        }
      });
      movers.forEach(function (one, l) {
        var limit = data.limits[l], value = kcPlain(limit.steps[state.limits[l]] * limit.factor, 2);
        one.range.value = state.limits[l];
        one.range.setAttribute("aria-valuetext", value + " " + limit.unit);
        one.number.value = value;
      });
    },
  };
}

function kcWeightsButtons(box, data, act) {
  var line = kcElement("div", "kc-acts"), name = kcElement("input");
  name.type = "text";
  name.maxLength = 120;
  name.placeholder = kcWeightsText("name");
  name.setAttribute("aria-label", kcWeightsText("name"));
  ["reset", "keep", "swap", "save"].forEach(function (key) {
    var button = kcElement("button", "kc-act", kcWeightsText(key));
    button.type = "button";
    button.dataset.act = key;
    button.addEventListener("click", function () { act[key](name.value); });
    if (key === "save") { line.appendChild(name); }
    line.appendChild(button);
  });
  box.appendChild(line);
  box.appendChild(kcElement("p", "kc-small", kcWeightsText("replay")));
}

function kcWeightsTable(map, box, data) {
  var said = kcElement("p", "kc-sure"), table = kcElement("table", "kc-ranks"), gone = kcElement("p", "kc-small");
  said.setAttribute("aria-live", "polite");
  box.append(said, table, gone);
  var shown = Math.max(data.areas.filter(function (a) { return a.listed; }).length, 1);
  function points(score) { return score === score ? (100 * score).toFixed(1) : "–"; }
  function cell(line, tag, text, number) {
    var one = kcElement(tag, number ? "kc-num" : "", text);
    if (tag === "th" && !number) { one.scope = "col"; }
    line.appendChild(one);
    return one;
  }
  function past(own) { return own ? (own.rank || "–") + " · " + points(own.score) : ""; }
  return { show: function (order, sure, study, kept) {
    table.textContent = "";
    var head = kcElement("tr");
    ["head_rank", "head_site", "head_score", "head_first", "head_study"].concat(kept ? ["head_kept"] : [])
      .forEach(function (key) { cell(head, "th", kcWeightsText(key), key !== "head_site" && key !== "head_rank"); });
    table.appendChild(head);
    order.filter(function (row) { return row.rank && row.rank <= shown; }).forEach(function (row) {
      var area = data.areas[row.at], line = kcElement("tr"), was = study[row.at].rank;
      line.dataset.site = area.id;
      cell(line, "td", String(row.rank), false);
      var name = cell(line, "td", "", false);
      var button = name.appendChild(kcElement("span", "", kcWeightsText(area.listed ? "site" : "area", { label: area.label })));
      button.tabIndex = 0;
      button.setAttribute("role", "button");
      if (row.closed > 0) {
        name.appendChild(kcElement("div", "kc-small",
          kcWeightsText("closed", { share: kcPlain(100 * row.closed, 0) })));
      }
      cell(line, "td", points(row.score), true);
      cell(line, "td", sure ? kcPercent(kcPlain(100 * (row.first || 0), 0)) : "…", true);
      cell(line, "td", past(study[row.at]), true).className += was !== row.rank ? " kc-moved" : "";
      if (kept) { cell(line, "td", past(kept[row.at]), true); }
      function go() { map.setView([area.lat, area.lon], Math.max(map.getZoom(), 14), { animate: false }); }
      line.addEventListener("click", go);
      line.addEventListener("keydown", function (e) { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); go(); } });
      table.appendChild(line);
    });
    var out = order.filter(function (row) { return !row.rank && data.areas[row.at].fits; });
    gone.textContent = out.length ? kcWeightsText("out", { list: out.map(function (row) {
      return data.areas[row.at].label + " (" + kcPercent(kcPlain(100 * row.closed, 0)) + ")";
    }).join(", "), ha: kcPlain(data.minHa, 1) }) : "";
    if (!sure) { said.textContent = "…"; return; }
    var leader = sure.leader && data.areas[sure.leader.at];
    said.textContent = !leader ? kcWeightsText("nobody") : kcWeightsText("sure", { site: leader.label,
      share: kcPlain(100 * sure.leader.first, 1), draws: data.draws.toLocaleString("en"),
      spread: kcPlain(100 * data.spread, 0) }) + " " + (sure.rival ? kcWeightsText("rival", {
      site: data.areas[sure.rival.row.at].label, points: kcPlain(50 * sure.rival.change, 1) }) : kcWeightsText("no_rival"));
  } };
}
