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

// Sites: outline and number; a click on either shows the site in the box of numbers.
function kcSiteLayer() {
  var group = L.featureGroup();
  KC.sites.forEach(function (site) {
    var tip = kcElement("div"), head = kcElement("b", "", site.title);
    head.dir = "auto";
    tip.appendChild(head);
    tip.appendChild(kcElement("div", "", site.area + (site.score ? ", " + site.score + " of 100" : "")));
    site.reasons.slice(0, 3).forEach(function (text) {
      var line = kcElement("div", "", text);
      line.dir = "auto";
      tip.appendChild(line);
    });
    L.geoJSON(site.shape, { style: { color: "#c2185b", weight: 2.5, fillColor: "#ffffff", fillOpacity: 0.12 },
      bubblingMouseEvents: false })
      .bindTooltip(tip, { sticky: true, className: "kc-tip" })
      .on("click", function () { KC.pick(site); }).addTo(group);
    L.marker([site.lat, site.lon], { alt: site.title,
      icon: L.divIcon({ html: kcElement("span", "", site.label), className: "kc-rank", iconSize: [24, 24] }) })
      .bindTooltip(tip.cloneNode(true), { className: "kc-tip" })
      .on("click", function () { KC.pick(site); }).addTo(group);
  });
  return group;
}

// Survey tasks: outline, and on hover what to look for.
function kcTaskLayer() {
  var group = L.featureGroup();
  KC.tasks.forEach(function (task) {
    var tip = kcElement("div"), head = kcElement("b", "", task.title);
    head.dir = "auto";
    tip.appendChild(head);
    task.lines.forEach(function (text) { tip.appendChild(kcElement("div", "", text)); });
    L.geoJSON(task.shape, { style: { color: "#5b2a86", weight: 2.5, dashArray: "6 4", fillColor: "#5b2a86",
      fillOpacity: 0.08 } })
      .bindTooltip(tip, { sticky: true, className: "kc-tip" }).addTo(group);
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
  var control = L.control({ position: "bottomright" }), box = null;
  control.onAdd = function () {
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
  var shown = 0;
  show(shown);
  map.on("baselayerchange", function (event) {
    shown = KC.names.indexOf(event.name);
    show(shown);
  });
  // Width and height of the legend, or of the largest of all: the map stays when the theme changes.
  KC.legendSize = function (all) {
    var numbers = all ? KC.legends.map(function (_, i) { return i; }) : [shown];
    var most = numbers.reduce(function (size, number) {
      show(number);
      var rect = box.getBoundingClientRect();
      return [Math.max(size[0], rect.width), Math.max(size[1], rect.height)];
    }, [0, 0]);
    show(shown);
    return most;
  };
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

// The box of numbers: of the cell under the pointer, or of a site until another place is clicked.
function kcHover(map) {
  var h = KC.hover, arrays = null, control = L.control({ position: "bottomleft" }), box = null;
  var pinned = false, made = false;  // made: the legend was folded to make room
  control.onAdd = function () {
    if (!box) {
      box = kcElement("div", "kc-box kc-hover");
      box.setAttribute("aria-live", "polite");
    }
    return box;
  };
  control.addTo(map);
  function hint(text) { box.textContent = ""; box.appendChild(kcElement("p", "", text)); }
  hint("Point at the map, or tap it, for the numbers of a place.");
  setTimeout(function () { if (!box.querySelector("b")) { box.classList.add("kc-quiet"); } }, 5000);
  // No column is kept free for the box: it goes where the pointer is not.
  function place(point) {
    var size = map.getSize(), below = point.y > size.y / 2 && point.x < 280;
    var where = below ? "topleft" : "bottomleft";
    if (control.getPosition() !== where) { control.setPosition(where); }
    box.classList.remove("kc-quiet");
  }
  function unpin() {
    pinned = false;
    box.classList.remove("kc-pinned");
    box.classList.add("kc-quiet");
    if (made) { document.querySelector(".kc-legend").open = true; }
    made = false;
  }
  // The first corner in which the box leaves the site itself in sight.
  function beside(latlng) {
    var frame = map.getContainer().getBoundingClientRect(), p = map.latLngToContainerPoint(latlng);
    ["bottomleft", "topleft", "topright"].some(function (corner) {
      control.setPosition(corner);
      var rect = box.getBoundingClientRect(), x = p.x + frame.left, y = p.y + frame.top;
      return x < rect.left - 14 || x > rect.right + 14 || y < rect.top - 14 || y > rect.bottom + 14;
    });
  }
  KC.pick = function (site) {
    box.classList.remove("kc-quiet");
    kcFillSite(box, site, unpin);
    pin([site.lat, site.lon]);
  };
  function pin(latlng) {
    pinned = true;
    box.classList.add("kc-pinned");
    box.scrollTop = 0;
    beside(latlng);
    var legend = document.querySelector(".kc-legend");
    if (legend.open && kcOverlap(box, legend)) { legend.open = false; made = true; }
  }
  map.on("click", unpin);
  L.DomEvent.on(document, "keydown", function (e) { if (e.key === "Escape" && pinned) { unpin(); } });
  L.DomEvent.disableClickPropagation(box);
  L.DomEvent.disableScrollPropagation(box);
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
      if (field.kind === "number" && raw !== null) { text = kcNumber(field.low + raw * field.scale) + " " + field.unit; }
      if (field.kind === "reading") {
        last = [field.title, raw === null ? "–" : (field.words || h.readings.map((r) => r[0]))[raw], "", raw === null ? "" : h.readings[raw][1]];
        rows.push(last);
        return;
      }
      // The range of the gap stands below its reading; where nobody lives there is none to tell.
      if (field.kind === "gap" || field.kind === "low" || field.kind === "high") {
        if (!last || raw === null || last[1] === "Nobody lives here") { return; }
        var percent = Math.round(raw / 2.5);
        if (field.kind === "gap") { last[2] = "gap " + percent + " %"; }
        if (field.kind === "low") { last[4] = percent; }
        if (field.kind === "high" && last[4] !== percent) { last[2] += " (" + last[4] + " to " + percent + " %)"; }
        return;
      }
      if (field.kind === "score" && raw !== null) { text = Math.round(raw / 2.5) + " of 100"; }
      if (field.kind === "excluded") {
        if (raw !== null && last) { last[1] = "excluded"; last[2] = field.words[raw]; }
        return;
      }
      var words = field.title;
      if (field.kind === "people") { words = "People in this cell"; }
      last = [words, text, "", ""];
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
      var told = kcElement("td", row[3] ? "kc-read" : "kc-num", row[1]);
      if (row[3]) {
        var chip = kcElement("i", "kc-chip");
        chip.style.backgroundColor = row[3];
        told.insertBefore(chip, told.firstChild);
      }
      line.appendChild(told);
      table.appendChild(line);
      if (row[2]) {
        var note = kcElement("tr", "kc-note"), cell2 = kcElement("td", "", row[2]);
        cell2.colSpan = 2;
        note.appendChild(cell2);
        table.appendChild(note);
      }
    });
    box.appendChild(table);
    box.appendChild(kcElement("p", "kc-more", "Click for the reasons."));
  }
  // Why: the same lines as gaps.explain gives, of the cell and of its district.
  function why(cell) {
    var district = value(0, cell), name = h.districts[district] || "Study area";
    box.textContent = "";
    var button = kcElement("button", "kc-close", "\u00d7");
    button.type = "button";
    button.title = "Close";
    button.addEventListener("click", unpin);
    box.appendChild(button);
    var head = kcElement("b", "", name);
    head.dir = "auto";
    box.appendChild(head);
    var place = kcElement("div", "kc-why");
    h.explain.forEach(function (line) {
      var text = kcLine(line, arrays, cell);
      if (text) { place.appendChild(kcElement("p", "kc-level" + line.level, text)); }
    });
    box.appendChild(place);
    var rows = h.explained[district] || [];
    if (!rows.length) { return; }
    var whole = kcElement("details", "kc-why");
    whole.appendChild(kcElement("summary", "", "The whole district"));
    rows.forEach(function (row) { whole.appendChild(kcElement("p", "kc-level" + row[0], row[1])); });
    box.appendChild(whole);
  }
  function look(event) {
    if (!arrays || pinned || event.originalEvent.target.closest(".leaflet-control")) { return; }
    place(event.containerPoint);
    var cell = kcCell(event.latlng);
    if (cell < 0 || value(0, cell) === null) {
      hint("Outside the study area.");
    } else {
      fill(cell);
    }
  }
  map.on("mousemove", look);
  map.on("click", function (event) {
    if (!arrays || event.originalEvent.target.closest(".leaflet-control")) { return; }
    var cell = kcCell(event.latlng);
    if (cell < 0 || value(0, cell) === null) { look(event); return; }
    box.classList.remove("kc-quiet");
    why(cell);
    pin(event.latlng);
  });
}

// One line of the explanation of a cell; empty where one of its parts is not known.
function kcLine(line, arrays, cell) {
  var whole = true;
  var text = line.template.replace(/\{\{|\}\}|\{(\w+)\}/g, function (mark, name) {
    if (!name) { return mark[0]; }
    var slot = line.slots[name], part = slot.texts[arrays[slot.bytes][cell]];
    if (part === "") { whole = false; }
    return part;
  });
  return whole ? text : "";
}

function kcFillSite(box, site, close) {
  box.textContent = "";
  var button = kcElement("button", "kc-close", "\u00d7");
  button.type = "button";
  button.title = "Close";
  button.addEventListener("click", close);
  box.appendChild(button);
  var head = kcElement("b", "", site.title);
  head.dir = "auto";
  box.appendChild(head);
  box.appendChild(kcElement("p", "", site.area + (site.score ? ", " + site.score + " of 100" : "")));
  [["For it", site.reasons], ["Against it", site.concerns],
   ["How sure is its rank", site.stability ? [site.stability] : []]].forEach(function (part) {
    if (!part[1].length) { return; }
    box.appendChild(kcElement("h3", "", part[0]));
    var list = kcElement("ul");
    part[1].forEach(function (text) {
      var item = kcElement("li", "", text);
      item.dir = "auto";
      list.appendChild(item);
    });
    box.appendChild(list);
  });
  if (site.facts.length) { box.appendChild(kcElement("h3", "", "Facts")); }
  var table = kcElement("table");
  site.facts.forEach(function (fact) {
    var line = kcElement("tr");
    line.appendChild(kcElement("th", "", fact[0]));
    line.appendChild(kcElement("td", "kc-num", fact[1]));
    table.appendChild(line);
  });
  box.appendChild(table);
}

function kcSites(map) {
  document.querySelectorAll(".kc-sites li").forEach(function (item) {
    var site = KC.sites.filter(function (s) { return s.label === item.dataset.label; })[0];
    function go() {
      map.setView([site.lat, site.lon], Math.max(map.getZoom(), 14), { animate: false });
      KC.pick(site);
    }
    item.addEventListener("click", go);
    item.addEventListener("keydown", function (e) { if (e.key === "Enter") { go(); } });
  });
}

// Too small for the list of layers beside the city, or above the legend.
function kcSmall(map) {
  var size = map.getSize();
  return size.x < 800 || size.y < 680;
}

function kcOverlap(a, b) {
  var p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
  return p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom;
}

// The list of layers folds away on a small map; opened there, it takes the place of the legend.
function kcFolds(map) {
  var layers = document.querySelector(".leaflet-control-layers");
  var legend = document.querySelector(".kc-legend"), hover = document.querySelector(".kc-hover");
  var button = kcElement("button", "kc-fold", "Layers"), chosen = false;
  L.DomEvent.disableScrollPropagation(layers);
  button.type = "button";
  function fold(away) {
    map.getContainer().classList.toggle("kc-small", kcSmall(map));
    layers.classList.toggle("kc-folded", away);
    button.setAttribute("aria-expanded", String(!away));
    // Both stand on the right: the legend takes what the list leaves, and scrolls if it needs more.
    var free = map.getSize().y - layers.getBoundingClientRect().height - 60;
    legend.style.maxHeight = free >= 140 ? free + "px" : "";
    if (away) { return; }
    if (kcOverlap(layers, legend)) { legend.open = false; }
    if (kcOverlap(layers, hover)) { hover.classList.add("kc-quiet"); }
  }
  button.addEventListener("click", function () {
    chosen = true;
    fold(!layers.classList.contains("kc-folded"));
    if (layers.classList.contains("kc-folded")) { legend.open = true; }
  });
  layers.insertBefore(button, layers.firstChild);
  legend.addEventListener("toggle", function () {
    if (legend.open && kcOverlap(layers, legend)) { fold(true); }
  });
  map.on("resize", function () { if (!chosen) { fold(kcSmall(map)); } });
  fold(kcSmall(map));
}

// Show the whole study area in what the panels leave free; each panel costs a side or a strip.
function kcFit(map) {
  var frame = map.getContainer().getBoundingClientRect(), best = null;
  function size(name) {
    var box = document.querySelector(name), rect = box && box.getBoundingClientRect();
    return rect ? [rect.width && rect.width + 18, rect.height && rect.height + 18] : [0, 0];
  }
  var scale = size(".leaflet-control-scale")[1] || 10;
  var legend = KC.legendSize(frame.width > 1000).map(function (v) { return v && v + 18; });
  var layers = size(".leaflet-control-layers"), zoom = size(".leaflet-control-zoom");
  [0, 1].forEach(function (low) {
    [0, 1].forEach(function (high) {
      var left = zoom[0], bottom = low ? legend[1] + scale : scale, top = high ? layers[1] : 10;
      var right = Math.max(low ? 10 : legend[0], high ? 10 : layers[0]);
      if (left + right > frame.width - 60 || top + bottom > frame.height - 60) { return; }
      var level = map.getBoundsZoom(KC.bounds, false, L.point(left + right, top + bottom));
      if (!best || level > best.level) { best = { level: level, from: [left, top], to: [right, bottom] }; }
    });
  });
  map.fitBounds(KC.bounds, { paddingTopLeft: best ? best.from : [8, 8],
    paddingBottomRight: best ? best.to : [8, 8], animate: false });
}

// On paper a canvas is played back stroke by stroke, and its empty ground comes out white over all
// below it: a picture of each takes its place there.
function kcPaperCopies(map) {
  var copies = [];
  map.eachLayer(function (layer) {
    if (!(layer instanceof L.Canvas) || typeof OffscreenCanvas === "undefined") { return; }
    layer._redraw();  // paper does not wait for the next frame
    var from = layer._container, still = new OffscreenCanvas(from.width, from.height);
    still.getContext("2d").drawImage(from, 0, 0);
    var copy = kcElement("canvas", "kc-copy");
    copy.style.cssText = from.style.cssText;
    copy.width = from.width;
    copy.height = from.height;
    copy.getContext("bitmaprenderer").transferFromImageBitmap(still.transferToImageBitmap());
    from.parentNode.appendChild(copy);
    from.classList.add("kc-copied");
    copies.push(function () { copy.remove(); from.classList.remove("kc-copied"); });
  });
  return copies;
}

// Paper has another shape than the window: the map takes a fixed size there and is fitted again.
function kcPrint(map) {
  var view = null, copies = [], aside = document.querySelector("aside"), page = document.documentElement;
  function shrink(zoom) {
    aside.style.zoom = zoom;
    aside.style.width = "calc(80mm / " + zoom + ")";
    aside.style.height = "calc(178mm / " + zoom + ")";
    return aside.scrollHeight <= aside.clientHeight + 1;
  }
  window.addEventListener("beforeprint", function () {
    if (!view) { view = { centre: map.getCenter(), zoom: map.getZoom() }; }
    page.classList.add("kc-print");
    map.invalidateSize({ animate: false, pan: false });
    kcFit(map);
    copies.forEach(function (undo) { undo(); });
    copies = kcPaperCopies(map);
    for (var zoom = 1; !shrink(zoom) && zoom > 0.5; zoom -= 0.05) { continue; }
  });
  window.addEventListener("afterprint", function () {
    page.classList.remove("kc-print");
    copies.forEach(function (undo) { undo(); });
    copies = [];
    aside.removeAttribute("style");
    map.invalidateSize({ animate: false, pan: false });
    if (view) { map.setView(view.centre, view.zoom, { animate: false }); }
    view = null;
  });
}

function kcStart(map) {
  map.attributionControl.setPrefix("Leaflet");
  var credit = kcElement("span", "", KC.credits);
  map.attributionControl.addAttribution(credit.innerHTML);
  var north = L.control({ position: "topleft" });
  north.onAdd = function () {
    var box = kcElement("div", "kc-north", "N");
    box.title = "North is up";
    return box;
  };
  north.addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  kcLegend(map);
  kcHover(map);
  kcFolds(map);
  kcFit(map);
  kcSites(map);
  kcPrint(map);
}

// Panels are measured with the fonts of the page, so the map starts when those are there.
function kcStartWithFonts(map) {
  var fonts = document.fonts ? Array.from(document.fonts) : [];
  var start = function () { kcStart(map); };
  Promise.all(fonts.map(function (font) { return font.load(); })).then(start, start);
}
