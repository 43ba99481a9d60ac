// Live weights: sliders for weights and limits beside the sites; colours, scores and ranks follow at once.
// Before a reader opens the part, nothing of it is unpacked or drawn.

// Of texts in several languages that of the page.
function kcOwnText(texts) { return texts[document.documentElement.lang.slice(0, 2)] || texts.en; }

function kcWeightsText(key, values) {
  return kcOwnText(KC.weights.texts)[key].replace(/\{(\w+)\}/g, function (_, name) { return values[name]; });
}

kcParts.push(function (map) {
  var data = KC.weights, after = document.querySelector(".kc-sites") || document.getElementById("kc-sites-title");
  if (!data) { return; }
  var box = kcElement("details", "kc-weights");
  box.id = "kc-weights";
  box.appendChild(kcElement("summary", "", kcWeightsText("title")));
  while (after.nextElementSibling && after.nextElementSibling.tagName === "P") { after = after.nextElementSibling; }
  after.parentNode.insertBefore(box, after.nextSibling);
  if (data.off) {
    var why = { no_ranking: "off_no_ranking", no_criteria: "off_no_criteria", method: "off_method" };
    box.appendChild(kcElement("p", "", kcWeightsText(why[data.off])));
    if (data.reason) { box.appendChild(kcElement("p", "kc-small", data.reason)); }
    return;
  }
  if (typeof DecompressionStream === "undefined") {
    box.appendChild(kcElement("p", "", kcWeightsText("off_browser")));
    return;
  }
  var started = null;
  box.addEventListener("toggle", function () {
    if (box.open && !started) { started = kcWeightsStart(map, box); }
    if (started) { started.then(function (live) { live.show(box.open); }); }
  });
});

// Codes from what each adds to its neighbours: to the left and above, less the one between them.
function kcSummed(codes, columns) {
  for (var i = 1; i < codes.length; i++) {
    var left = i % columns ? codes[i - 1] : 0, above = i >= columns ? codes[i - columns] : 0;
    codes[i] += left + above - (i % columns && i >= columns ? codes[i - columns - 1] : 0);
  }
  return codes;
}

// Numbers whose first bytes stand together, then all second ones, column by column; an array for each column.
function kcColumns(bytes, columns, size) {
  var rows = bytes.length / size / columns, found = [];
  for (var c = 0; c < columns; c++) {
    var own = new Uint8Array(rows * size);
    for (var b = 0; b < size; b++) {
      var from = (c * size + b) * rows;
      for (var r = 0; r < rows; r++) { own[r * size + b] = bytes[from + r]; }
    }
    found.push(size === 8 ? new Float64Array(own.buffer) : new Float32Array(own.buffer));
  }
  return found;
}

async function kcWeightsPacks(data) {
  async function bytes(text) { return new Uint8Array(await kcInflate(text)); }
  var packs = { land: await bytes(data.land), utilities: [], limitCells: [], limitSites: [] };
  for (var one of data.utilities) { packs.utilities.push(kcSummed(await bytes(one), data.columns)); }
  for (var limit of data.limits) {
    packs.limitCells.push(kcSummed(await bytes(limit.cells), data.columns));
    packs.limitSites.push(await bytes(limit.sites));
  }
  packs.means = new Float64Array(await kcInflate(data.means));
  packs.known = new Float64Array(await kcInflate(data.knownShare));
  packs.values = kcColumns(await bytes(data.values), data.criteria.length, data.whole ? 8 : 4);
  return packs;
}

// The picture of the scores: each pixel knows its cell, by a polynomial fitted when the page was made.
function kcWeightsPicture(map, data, packs) {
  var look = data.lookup, wide = look.half[0] >= look.half[1];
  var most = Math.min(1000, Math.max(600, 2 * Math.max(data.columns, data.rows)));
  var width = wide ? most : Math.round(most * look.half[0] / look.half[1]);
  var height = wide ? Math.round(most * look.half[1] / look.half[0]) : most;
  var cells = new Int32Array(width * height).fill(-1), degree = 0;
  look.powers.forEach(function (p) { degree = Math.max(degree, p[0]); });
  function terms(coefficients, v) {
    var found = new Float64Array(degree + 1);
    look.powers.forEach(function (p, n) { found[p[0]] += coefficients[n] * Math.pow(v, p[1]); });
    return found;
  }
  for (var y = 0; y < height; y++) {
    var v = 1 - 2 * (y + 0.5) / height, column = terms(look.column, v), row = terms(look.row, v);
    for (var x = 0; x < width; x++) {
      var u = 2 * (x + 0.5) / width - 1, c = 0, r = 0;
      for (var d = degree; d >= 0; d--) { c = c * u + column[d]; r = r * u + row[d]; }
      c = Math.floor(c / data.every); r = Math.floor(r / data.every);
      if (c >= 0 && r >= 0 && c < data.columns && r < data.rows) { cells[y * width + x] = r * data.columns + c; }
    }
  }
  kcOutsideOff(cells, width, height, data);
  var canvas = kcElement("canvas", "leaflet-image-layer leaflet-zoom-animated kc-live-picture");
  canvas.width = width;
  canvas.height = height;
  var Canvas = L.ImageOverlay.extend({ _initImage: function () { this._image = this._url; } });
  var back = L.CRS.EPSG3857, m = look.centre, h = look.half;
  var layer = new Canvas(canvas, [back.unproject(L.point(m[0] - h[0], m[1] - h[1])),
    back.unproject(L.point(m[0] + h[0], m[1] + h[1]))], { pane: "kc_raster", interactive: false });
  var context = canvas.getContext("2d", { willReadFrequently: true }), image = context.createImageData(width, height);
  var pixels = new Uint32Array(image.data.buffer), own = kcCellClasses(data, packs), count = own.at.length;
  // Two colours for each open cell, plain and under a stripe; behind them nothing, excluded, and excluded under a stripe.
  var seen = new Uint32Array(2 * count + 3), plain = new Uint32Array(256), striped = new Uint32Array(256);
  data.colours.forEach(function (text, i) {
    var n = parseInt(text.slice(1), 16);
    plain[i] = striped[i] = (205 << 24 | (n & 255) << 16 | (n & 0xff00) | n >> 16) >>> 0;
  });
  striped[own.none] = (205 << 24 | 0x5a5a5a) >>> 0;
  seen[2 * count + 1] = plain[own.none];
  seen[2 * count + 2] = striped[own.none];
  var from = kcPixelColours(cells, width, packs.land, own.at);
  return { layer: layer, classes: own.whole, paint: function (state) {
    var blank = own.classify(state), classes = own.classes, i;
    for (i = 0; i < count; i++) {
      seen[2 * i] = plain[classes[i]];
      seen[2 * i + 1] = striped[classes[i]];
    }
    for (i = 0; i < pixels.length; i++) { pixels[i] = seen[from[i]]; }
    context.putImageData(image, 0, 0);
    return blank;
  } };
}

// Where the colour of each pixel stands: the two of its cell, or one of the last three.
function kcPixelColours(cells, width, land, open) {
  var number = new Int32Array(land.length), last = 2 * open.length, found = new Int32Array(cells.length), p;
  for (p = 0; p < open.length; p++) { number[open[p]] = 2 * p; }
  for (p = 0; p < cells.length; p++) {
    var cell = cells[p], stripe = (p % width + Math.floor(p / width)) % 10 < 2 ? 1 : 0;
    found[p] = cell < 0 || land[cell] === 0 ? last : land[cell] === 1 ? last + 1 + stripe : number[cell] + stripe;
  }
  return found;
}

// Pixels outside the outline of the city show nothing, as in the other themes.
function kcOutsideOff(cells, width, height, data) {
  var canvas = kcElement("canvas"), look = data.lookup;
  canvas.width = width;
  canvas.height = height;
  var context = canvas.getContext("2d", { willReadFrequently: true });
  context.beginPath();
  data.outline.forEach(function (ring) {
    ring.forEach(function (place, i) {
      var p = L.CRS.EPSG3857.project(L.latLng(place[1], place[0]));
      var x = ((p.x - look.centre[0]) / look.half[0] + 1) / 2 * width;
      var y = (1 - (p.y - look.centre[1]) / look.half[1]) / 2 * height;
      if (i) { context.lineTo(x, y); } else { context.moveTo(x, y); }
    });
    context.closePath();
  });
  context.fill("evenodd");
  var seen = context.getImageData(0, 0, width, height).data;
  for (var i = 0; i < cells.length; i++) { if (seen[4 * i + 3] < 128) { cells[i] = -1; } }
}

async function kcWeightsStart(map, box) {
  var data = KC.weights, packs = await kcWeightsPacks(data), weighing = kcWeighing(data, packs);
  var base = { weights: data.criteria.map(function (c) { return c.weight; }),
    limits: data.limits.map(function (l) { return l.now; }) };
  var state = kcCopyState(base), kept = null, order = [], picture = kcWeightsPicture(map, data, packs);
  var others = L.featureGroup(), pending = 0, drawing = 0, later = 0;
  var study = kcByArea(weighing.rank(base)), form = kcWeightsForm(box, data, function (change) {
    change(state);
    if (!pending) { pending = requestAnimationFrame(update); }
  }), table = kcWeightsTable(map, box, data);

  // The shares of land in the legend are those of the study; under other weights or limits none are told.
  var theme = kcTheme("suitability"), counted = { of: theme.of, rows: theme.rows, note: theme.note }, told = true;
  var bare = { of: "", note: kcWeightsText("not_counted"), rows: theme.rows.map(function (row) {
    return Object.assign({}, row, { share: "" });
  }) };
  function legend() {
    var same = !box.open || JSON.stringify(state) === JSON.stringify(base);
    if (same === told) { return; }
    told = same;
    Object.assign(theme, same ? counted : bare);
    map.fire("kc:legend");
  }

  function update() {
    pending = 0;
    var from = performance.now();
    order = weighing.rank(state);
    form.show(state, picture.paint(state));
    clearTimeout(later);
    // Draws over large sites take a while: they wait until the slider rests.
    if (drawing < 60) { tell(); } else {
      table.show(order, null, study, kept && kept.ranks);
      later = setTimeout(tell, 200);
    }
    kcOutlines(others, data, order);
    legend();
    box.dataset.ms = (performance.now() - from).toFixed(1);
  }

  function tell() {
    var from = performance.now(), sure = weighing.robustness(state, order);
    drawing = performance.now() - from;
    table.show(order, sure, study, kept && kept.ranks);
  }
  kcWeightsButtons(box, data, {
    reset: function () { state = kcCopyState(base); form.unlock(); update(); },
    keep: function () { kept = { state: kcCopyState(state), ranks: kcByArea(order) }; update(); },
    swap: function () {
      if (!kept) { return; }
      var other = { state: kcCopyState(state), ranks: kcByArea(order) };
      state = kcCopyState(kept.state);
      kept = other;
      update();
    },
    save: function (name) { kcDownload(kcScenario(data, state, order, name), "scenario.toml"); },
  });
  KC.live = { rank: weighing.rank, robustness: weighing.robustness, factors: weighing.factors, base: base,
    state: function () { return state; }, set: function (next) { state = kcCopyState(next); update(); },
    scenario: function (name) { return kcScenario(data, state, order, name); },
    classes: picture.classes, paint: picture.paint };
  update();
  box.dataset.ready = "1";
  // The picture stands in the place of the theme of the scores, whose legend speaks for it.
  function draw(open) {
    map.getContainer().classList.toggle("kc-live", open);
    [picture.layer, others].forEach(function (layer) {
      if (open) { layer.addTo(map); } else { layer.remove(); }
    });
  }
  map.on("kc:theme", function () { draw(box.open && KC.theme === "suitability"); });
  return { show: function (open) {
    if (open) { KC.show("suitability"); }
    draw(open);
    legend();
  } };
}

function kcCopyState(state) { return { weights: state.weights.slice(), limits: state.limits.slice() }; }

function kcByArea(order) {
  var found = [];
  order.forEach(function (row) { found[row.at] = { rank: row.rank, score: row.score }; });
  return found;
}

// Areas that are no site of the study and now rank among the first: drawn dashed.
function kcOutlines(group, data, order) {
  var listed = data.areas.filter(function (a) { return a.listed; }).length, fresh = order.filter(function (row) {
    return !data.areas[row.at].listed && row.rank && row.rank <= listed;
  });
  var key = fresh.map(function (row) { return row.at; }).sort().join();
  if (group.kcKey === key) { return; }
  group.kcKey = key;
  group.clearLayers();
  fresh.forEach(function (row) {
    var area = data.areas[row.at];
    L.geoJSON(area.shape, { style: { color: "#c2185b", weight: 2, dashArray: "5 4", fill: false } })
      .bindTooltip(kcElement("span", "", kcWeightsText("area", { label: area.label })), { sticky: true, className: "kc-tip" })
      .addTo(group);
  });
}

function kcDownload(text, name) {
  var link = kcElement("a"), address = URL.createObjectURL(new Blob([text], { type: "application/toml" }));
  link.href = address;
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(function () { URL.revokeObjectURL(address); }, 10000);
}

// The state as a scenario file; `kcity run STUDY --scenario FILE` gives the same numbers again.
function kcScenario(data, state, order, name) {
  function text(value) {
    return JSON.stringify(value.replace(/[\ud800-\udfff]/g, function (c, at) {
      return at >= 0 && value.codePointAt(at) > 0xffff || at > 0 && value.codePointAt(at - 1) > 0xffff ? c : "\ufffd";
    })).replace(/\u007f/g, "\\u007f");
  }
  function number(value) { return Number.isInteger(value) ? value + ".0" : String(value); }
  var sum = state.weights.reduce(function (a, b) { return a + b; }, 0);
  var lines = ["# Saved from the map. Replay: kcity run study.toml --scenario scenario.toml --out FOLDER",
    "# sites = \"new\" cuts sites out anew instead of weighing those of the study again.",
    "name = " + text(name || ""), "study = " + text(data.study), "project = " + text(data.project),
    "sites = \"kept\"", "", "[weights]"];
  data.criteria.forEach(function (c, k) { lines.push(text(c.id) + " = " + number(state.weights[k] / sum * data.known)); });
  data.missing.forEach(function (c) { lines.push(text(c.id) + " = " + number(c.weight)); });
  var changed = data.limits.filter(function (l, i) { return state.limits[i] !== l.now; });
  if (changed.length) { lines.push("", "[constraints]"); }
  data.limits.forEach(function (l, i) {
    if (state.limits[i] !== l.now) { lines.push(l.id + " = " + number(l.steps[state.limits[i]])); }
  });
  order.forEach(function (row) {
    lines.push("", "[[shown]]", "site = " + text(data.areas[row.at].id));
    if (row.rank && row.score === row.score) { lines.push("rank = " + row.rank, "score = " + number(row.score)); }
  });
  return lines.join("\n") + "\n";
}
