// The cell under the pointer: where it lies, its numbers and the reasons for them.

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

kcParts.push(kcHover);
