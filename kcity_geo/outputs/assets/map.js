// The page's own part of the map. Reads its data from the JSON block #kc-data; text from the data
// reaches the page as text only, never as HTML.
"use strict";
var KC = null;

function kcLoad() {
  KC = JSON.parse(document.getElementById("kc-data").textContent);
}

function kcBytes(text) {
  var raw = atob(text), bytes = new Uint8Array(raw.length);
  for (var i = 0; i < raw.length; i++) { bytes[i] = raw.charCodeAt(i); }
  return bytes;
}

// Lines of a drawing: differences of degrees x 100,000, seven bits a byte.
function kcLines(key) {
  var bytes = kcBytes(KC.drawings[key]), at = 0;
  function next() {
    var value = 0, factor = 1, byte;
    do { byte = bytes[at++]; value += (byte & 127) * factor; factor *= 128; } while (byte & 128);
    return value;
  }
  function signed() { var v = next(); return v % 2 ? -(v + 1) / 2 : v / 2; }
  var count = next(), sizes = [], lines = [], lat = 0, lon = 0;
  for (var i = 0; i < count; i++) { sizes.push(next()); }
  for (i = 0; i < count; i++) {
    var line = [];
    for (var j = 0; j < sizes[i]; j++) {
      lat += signed(); lon += signed();
      line.push([lat / 1e5, lon / 1e5]);
    }
    lines.push(line);
  }
  return lines;
}

function kcShapes(key, style) {
  if (style.area) {
    return L.polygon([kcLines(key)], { pane: "kc_land", interactive: false, stroke: false,
      fillColor: style.color, fillOpacity: 1, fillRule: "evenodd", smoothFactor: 0.8 });
  }
  var line = L.polyline(kcLines(key), { pane: "kc_lines", interactive: false, color: style.color,
    weight: style.weight, opacity: 1, smoothFactor: 1.2 });
  if (style.closer > 0) { kcOnlyCloser(line, style.closer); }
  return line;
}

// Dense streets would cover the map of a metropolis: they appear some zoom levels further in.
function kcOnlyCloser(line, levels) {
  line.on("add", function () {
    var map = line._map, from = map.getBoundsZoom(line.getBounds()) + levels;
    function update() { line.setStyle({ opacity: map.getZoom() >= from ? 1 : 0 }); }
    map.on("zoomend", update);
    line.once("remove", function () { map.off("zoomend", update); });
    update();
  });
}

function kcPoints(key) {
  var kind = KC.facilities.filter(function (k) { return k.key === key; })[0];
  var group = L.layerGroup();
  kind.lat.forEach(function (lat, i) {
    var text = document.createElement("bdi");
    text.textContent = kind.text[i];
    L.circleMarker([lat / 1e5, kind.lon[i] / 1e5], { radius: kind.radius, color: "#ffffff",
      weight: 1, fillColor: kind.colour, fillOpacity: 0.95 })
      .bindTooltip(text, { className: "kc-tip" }).addTo(group);
  });
  return group;
}

function kcElement(tag, className, text) {
  var element = document.createElement(tag);
  if (className) { element.className = className; }
  if (text !== undefined) { element.textContent = text; }
  return element;
}

function kcLegend(map) {
  var control = L.control({ position: "bottomleft" }), box = null;
  control.onAdd = function () {
    // Folds away: on a small screen it would lie on a corner of the city.
    box = kcElement("details", "kc-box kc-legend");
    box.open = true;
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    return box;
  };
  control.addTo(map);
  function show(number) {
    box.textContent = "";
    var legend = KC.legends[number];
    box.style.display = legend ? "" : "none";
    if (!legend) { return; }
    box.appendChild(kcElement("summary", "", legend.title));
    box.appendChild(kcElement("p", "", legend.question));
    legend.rows.forEach(function (row) {
      var line = kcElement("div", "kc-key"), chip = kcElement("i", row.striped ? "kc-hatch" : "");
      chip.style.backgroundColor = row.colour;
      line.appendChild(chip);
      line.appendChild(kcElement("span", "", row.words));
      box.appendChild(line);
    });
    if (legend.note) { box.appendChild(kcElement("p", "", legend.note)); }
  }
  show(0);
  map.on("baselayerchange", function (event) { show(KC.names.indexOf(event.name)); });
}

async function kcInflate(text) {
  var stream = new Blob([kcBytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function kcNumber(value) {
  if (value >= 1000) { value = Math.round(value / 10) * 10; }
  if (value < 10 && value > 0) { return value < 1 ? "under 1" : String(Math.round(value)); }
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

// Column and row under a place: a polynomial fitted when the page was made.
function kcCell(latlng) {
  var h = KC.hover, p = L.CRS.EPSG3857.project(latlng);
  var u = (p.x - h.centre[0]) / h.half[0], v = (p.y - h.centre[1]) / h.half[1];
  if (Math.abs(u) > 1.05 || Math.abs(v) > 1.05) { return -1; }
  var column = 0, row = 0;
  for (var k = 0; k < h.powers.length; k++) {
    var term = Math.pow(u, h.powers[k][0]) * Math.pow(v, h.powers[k][1]);
    column += h.column[k] * term;
    row += h.row[k] * term;
  }
  column = Math.floor(column); row = Math.floor(row);
  if (column < 0 || row < 0 || column >= h.columns || row >= h.rows) { return -1; }
  return row * h.columns + column;
}

function kcHover(map) {
  var h = KC.hover, arrays = null, control = L.control({ position: "bottomright" }), box = null;
  control.onAdd = function () {
    box = kcElement("div", "kc-box kc-hover");
    box.setAttribute("aria-live", "polite");
    L.DomEvent.disableClickPropagation(box);
    return box;
  };
  control.addTo(map);
  function hint(text) { box.textContent = ""; box.appendChild(kcElement("p", "", text)); }
  hint("Point at the map, or tap it, for the numbers of a place.");
  if (typeof DecompressionStream === "undefined") {
    hint("The numbers of a place need a browser of 2023 or later.");
    return;
  }
  Promise.all(h.bytes.map(kcInflate)).then(function (buffers) {
    arrays = buffers.map(function (b) {
      return b.byteLength === h.rows * h.columns ? new Uint8Array(b) : new Uint16Array(b);
    });
    document.documentElement.setAttribute("data-kc-ready", "1");
  });
  function value(i, cell) {
    var raw = arrays[i][cell], missing = arrays[i] instanceof Uint8Array ? 255 : 65535;
    return raw === missing ? null : raw;
  }
  function fill(cell) {
    var rows = [], name = "", last = null;
    h.fields.forEach(function (field, i) {
      var raw = value(i, cell), text = raw === null ? "–" : "";
      if (field.kind === "district") { name = raw === null ? "" : h.districts[raw]; return; }
      if (field.kind === "people") { if (raw !== null) { text = kcNumber(raw * field.scale); } }
      if (field.kind === "gap") { text = raw === null ? "not assessed" : Math.round(raw / 2.5) + " %"; }
      if (field.kind === "score" && raw !== null) { text = Math.round(raw / 2.5) + " of 100"; }
      if (field.kind === "label" || field.kind === "confidence") {
        if (last && raw !== null && last[1] !== "not assessed") {
          last[2] = field.kind === "label" ? h.labels[raw] + last[2]
            : ", confidence " + Math.round(raw / 2.5) + " %";
        }
        return;
      }
      if (field.kind === "excluded") {
        if (raw !== null && last) { last[1] = "excluded"; last[2] = field.words[raw]; }
        return;
      }
      var words = field.title;
      if (field.kind === "gap") { words = field.title === "All sectors together" ? "Gap, all sectors" : words + " gap"; }
      if (field.kind === "people") { words = "People in this cell"; }
      last = [words, text, ""];
      rows.push(last);
    });
    box.textContent = "";
    var head = kcElement("b", "", name || "Study area");
    head.dir = "auto";
    box.appendChild(head);
    var table = kcElement("table");
    rows.forEach(function (row) {
      var line = kcElement("tr");
      line.appendChild(kcElement("th", "", row[0]));
      line.appendChild(kcElement("td", "kc-num", row[1]));
      table.appendChild(line);
      if (row[2]) {
        var note = kcElement("tr", "kc-note"), cell2 = kcElement("td", "", row[2]);
        cell2.colSpan = 2;
        note.appendChild(cell2);
        table.appendChild(note);
      }
    });
    box.appendChild(table);
  }
  function look(event) {
    if (!arrays) { return; }
    var cell = kcCell(event.latlng);
    if (cell < 0 || value(0, cell) === null) {
      hint("Outside the study area.");
    } else {
      fill(cell);
    }
  }
  map.on("mousemove", look);
  map.on("click", look);
}

function kcSites(map) {
  document.querySelectorAll(".kc-sites li").forEach(function (item) {
    var site = KC.sites.filter(function (s) { return String(s.rank) === item.dataset.rank; })[0];
    function go() { map.setView([site.lat, site.lon], Math.max(map.getZoom(), 14)); }
    item.addEventListener("click", go);
    item.addEventListener("keydown", function (e) { if (e.key === "Enter") { go(); } });
  });
}

function kcStart(map) {
  map.attributionControl.setPrefix("Leaflet");
  var credit = kcElement("span", "", KC.credits);
  map.attributionControl.addAttribution(credit.innerHTML);
  var names = document.querySelectorAll(".leaflet-control-layers");
  names.forEach(function (box) {
    L.DomEvent.disableScrollPropagation(box);
    var fold = kcElement("button", "kc-fold", "Layers");
    fold.type = "button";
    fold.addEventListener("click", function () { box.classList.toggle("kc-folded"); });
    box.insertBefore(fold, box.firstChild);
    if (window.innerWidth < 760) { box.classList.add("kc-folded"); }
  });
  var north = L.control({ position: "topleft" });
  north.onAdd = function () {
    var box = kcElement("div", "kc-north", "N");
    box.title = "North is up";
    return box;
  };
  north.addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  var wide = map.getSize().x > 760;
  map.fitBounds(KC.bounds, { paddingTopLeft: [wide ? 40 : 8, 8], paddingBottomRight: [wide ? 250 : 8, 8], animate: false });
  kcLegend(map);
  kcHover(map);
  kcSites(map);
}
