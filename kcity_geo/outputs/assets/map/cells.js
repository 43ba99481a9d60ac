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

// The id of a cell, as cells.parquet and the files of the study have it.
function kcCellId(cell) {
  var h = KC.hover;
  return "x" + (h.first[0] + cell % h.columns) + "_y" + (h.first[1] - Math.floor(cell / h.columns));
}

// The id in ledger.json of a number of a cell: its rule there names the column of cells.parquet.
function kcCellNumber(cell, column) { return "cell." + kcCellId(cell) + "." + column; }

// Ids of the numbers that a line of the explanation holds.
function kcLineIds(line, cell) {
  return Object.values(line.slots).filter(function (slot) { return slot.column; }).map(function (slot) {
    return kcCellNumber(cell, slot.column);
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

function kcValue(arrays, i, cell) {
  var raw = arrays[i][cell], missing = arrays[i] instanceof Uint8Array ? 255 : 65535;
  return raw === missing ? null : raw;
}

// Rows of the table of a cell: title, value, note, colour, low end, code, columns of its numbers.
function kcRows(arrays, cell) {
  var h = KC.hover, rows = [], last = null;
  h.fields.forEach(function (field, i) {
    var raw = kcValue(arrays, i, cell), text = raw === null ? "\u2013" : "";
    if (field.kind === "district") { return; }
    if (field.kind === "people" && raw !== null) { text = kcNumber(raw * field.scale); }
    if (field.kind === "number" && raw !== null) { text = kcNumber(field.low + raw * field.scale) + " " + field.unit; }
    if (field.kind === "reading") {
      last = [field.title, raw === null ? "\u2013" : (field.words || h.readings.map((r) => r[0]))[raw], "",
              raw === null ? "" : h.readings[raw][1], undefined, raw, [field.column]];
      rows.push(last);
      return;
    }
    // The range of the gap stands below its reading; where nobody lives there is none to tell.
    if (field.kind === "gap" || field.kind === "low" || field.kind === "high") {
      if (!last || raw === null || last[5] === h.nobody) { return; }
      var percent = Math.round(raw / 2.5);
      last[6].push(field.column);
      if (field.kind === "gap") { last[2] = kcSay("gap_of", { percent: percent }); }
      if (field.kind === "low") { last[4] = percent; }
      if (field.kind === "high" && last[4] !== percent) {
        last[2] += " " + kcSay("gap_range", { low: last[4], high: percent });
      }
      return;
    }
    if (field.kind === "score" && raw !== null) { text = kcSay("of_100", { score: Math.round(raw / 2.5) }); }
    if (field.kind === "excluded") {
      if (raw !== null && last) { last[1] = kcSay("excluded"); last[2] = field.words[raw]; last[6].push(field.column); }
      return;
    }
    last = [field.kind === "people" ? kcSay("people_in_cell") : field.title, text, "", "",
            undefined, undefined, [field.column]];
    rows.push(last);
  });
  return rows;
}

// Ids of all numbers of a cell, each once: those of its lines, and those that stand under the pointer alone.
function kcCellIds(arrays, cell, lines) {
  var ids = new Set([].concat.apply([], lines.map(function (row) { return row[2]; })));
  kcRows(arrays, cell).forEach(function (row) {
    row[6].forEach(function (column) { ids.add(kcCellNumber(cell, column)); });
  });
  return Array.from(ids);
}

function kcCellTable(rows) {
  var table = kcElement("table"), h = KC.hover;
  rows.forEach(function (row) {
    var line = kcElement("tr");
    line.appendChild(kcElement("th", "", row[0]));
    var told = kcElement("td", row[3] ? "kc-read" : "kc-num", row[1]);
    if (row[3]) {
      var chip = kcElement("i", h.readings[row[5]][2] ? "kc-chip kc-hatch" : "kc-chip");
      chip.style.backgroundColor = row[3];
      told.insertBefore(chip, told.firstChild);
    }
    line.appendChild(told);
    table.appendChild(line);
    if (row[2]) {
      var note = kcElement("tr", "kc-note"), cell = kcElement("td", "", row[2]);
      cell.colSpan = 2;
      note.appendChild(cell);
      table.appendChild(note);
    }
  });
  return table;
}

// Why: the same lines as gaps.explain gives.
function kcTold(box, rows) {
  rows.forEach(function (row) { box.appendChild(kcNumbered(kcElement("p", "kc-level" + row[0], row[1]), row[2])); });
}

function kcHover(map) {
  var h = KC.hover, arrays = null, card = KC.card;
  if (typeof DecompressionStream === "undefined") {
    KC.numbers = new Promise(function () {});
    card.hint(kcSay("old_browser"));
    return;
  }
  KC.numbers = Promise.all(h.bytes.map(kcInflate)).then(function (buffers) {
    arrays = buffers.map(function (b) {
      return b.byteLength === h.rows * h.columns ? new Uint8Array(b) : new Uint16Array(b);
    });
    KC.arrays = arrays;
    document.documentElement.setAttribute("data-kc-ready", "1");
    return arrays;
  });
  // The cell under a place of the study area, -1 elsewhere.
  function inside(latlng) {
    var cell = arrays ? kcCell(latlng) : -1;
    return cell >= 0 && kcValue(arrays, 0, cell) !== null ? cell : -1;
  }
  function name(cell) { return h.districts[kcValue(arrays, 0, cell)] || kcSay("study_area"); }
  KC.pickPlace = function (latlng) {
    var cell = inside(latlng);
    if (cell < 0) { return false; }
    card.open("cell:" + kcCellId(cell), latlng, name(cell), function (box) {
      box.appendChild(kcElement("p", "kc-more", kcSay("cell_id", { id: kcCellId(cell) })));
      var place = kcElement("div", "kc-why"), rows = h.explain.map(function (line) {
        return [line.level, kcLine(line, arrays, cell), kcLineIds(line, cell)];
      }).filter(function (row) { return row[1]; });
      kcTold(place, rows);
      box.appendChild(place);
      kcLedger(box, kcCellIds(arrays, cell, rows));
      var district = kcValue(arrays, 0, cell);
      if (!(h.explained[district] || []).length) { return; }
      box.appendChild(kcButton("kc-link", kcSay("whole_district"), function () { KC.pickDistrict(district); }));
    });
    return true;
  };
  // Over a panel of the page the pointer means the panel and not the land below it.
  function busy(event) {
    return KC.busy || event.originalEvent.target.closest(".leaflet-control, .kc-story, .kc-bar, .kc-choice, .kc-search");
  }
  function look(event) {
    if (!arrays || card.pinned) { return; }
    if (busy(event)) { card.element().classList.add("kc-quiet"); return; }
    card.place(event.containerPoint);
    var cell = inside(event.latlng), box = card.element();
    KC.light(cell < 0 ? -1 : kcValue(arrays, 0, cell));
    if (cell < 0) { card.hint(kcSay("outside")); return; }
    box.textContent = "";
    var head = kcElement("b", "", name(cell));
    head.dir = "auto";
    box.appendChild(head);
    box.appendChild(kcCellTable(kcRows(arrays, cell)));
    box.appendChild(kcElement("p", "kc-more", kcSay("click_for_reasons")));
  }
  map.on("mousemove", look);
  map.on("mouseout", function () { KC.light(-1); });
  map.on("click", function (event) {
    if (!arrays || busy(event)) { return; }
    if (!KC.pickPlace(event.latlng)) { look(event); }
  });
}

kcParts.push(kcHover);
