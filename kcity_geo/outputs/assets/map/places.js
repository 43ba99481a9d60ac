// Places that have a card: sites, districts, facilities; the rows of the panel point at them.

function kcSiteCard(box, site) {
  box.appendChild(kcElement("p", "", kcSize(site)));
  kcList(box, kcSay("for_it"), site.reasons);
  kcList(box, kcSay("against_it"), site.concerns);
  kcList(box, kcSay("how_sure"), site.stability ? [site.stability] : []);
  if (site.not_checked) { kcList(box, kcSay("not_checked"), [site.not_checked]); }
  if (site.facts.length) { box.appendChild(kcElement("h3", "", kcSay("facts"))); }
  var table = kcElement("table");
  site.facts.forEach(function (fact) {
    var line = kcElement("tr");
    line.appendChild(kcElement("th", "", fact[0]));
    line.appendChild(kcElement("td", "kc-num", fact[1]));
    table.appendChild(line);
  });
  box.appendChild(table);
  kcLedger(box, site.ledger);
}

function kcDistrictCard(box, number) {
  var district = KC.districts[number], ids = [];
  (KC.hover.explained[number] || []).forEach(function (row, i) {
    if (row[2]) { ids.push(row[2]); }
    box.appendChild(kcElement("p", i ? "kc-level" + row[0] : "", row[1]));
  });
  if (!KC.hover.explained.length) { box.appendChild(kcElement("p", "", kcSay("see_files"))); }
  box.appendChild(kcElement("p", "kc-more", kcSay("district_id", { id: district.id })));
  kcLedger(box, ids);
}

function kcPlaces(map) {
  var lit = -1, light = null;
  function outline(number) { return kcLines("district_" + number); }
  // Light up a district and its row in the panel; -1: none.
  KC.light = function (number) {
    if (number === lit || KC.districts.length < 2) { return; }
    lit = number;
    if (light) { light.remove(); light = null; }
    document.querySelectorAll("[data-district].kc-lit").forEach(function (row) { row.classList.remove("kc-lit"); });
    if (number === null || number < 0 || !KC.districts[number]) { return; }
    if (KC.drawings["district_" + number]) {
      light = L.polygon(outline(number), { pane: "kc_lines", interactive: false, color: "#c2185b", weight: 2.5,
        fill: false }).addTo(map);
    }
    var row = document.querySelector('[data-district="' + number + '"]');
    if (row) { row.classList.add("kc-lit"); }
  };
  KC.pickDistrict = function (number) {
    var district = KC.districts[number];
    KC.card.open("district:" + district.id, [district.lat, district.lon], district.name, function (box) {
      kcDistrictCard(box, number);
    });
    KC.light(number);
  };
  KC.pickSite = function (site) {
    KC.card.open("site:" + site.label, [site.lat, site.lon], site.title, function (box) { kcSiteCard(box, site); });
  };
  KC.pickFacility = function (key, i) {
    var kind = KC.facilities.filter(function (k) { return k.key === key; })[0];
    var latlng = [kind.lat[i] / 1e5, kind.lon[i] / 1e5];
    KC.card.open("facility:" + key + ":" + i, latlng, kind.text[i], function (box) {
      box.appendChild(kcElement("p", "", kind.title));
      box.appendChild(kcElement("p", "kc-more", kind.source[i]
        ? kcSay("from_object", { id: kind.source[i] }) : kcSay("own_file")));
    });
  };
  // Go to a place and open its card; the sheet of a phone makes way.
  KC.goSite = function (site) {
    KC.sheetDown();
    map.setView([site.lat, site.lon], Math.max(map.getZoom(), 14), { animate: false });
    KC.pickSite(site);
  };
  KC.goDistrict = function (number) {
    KC.sheetDown();
    map.fitBounds(KC.districts[number].bounds, { padding: [30, 30], animate: false });
    KC.pickDistrict(number);
  };
  KC.goFacility = function (key, i) {
    var kind = KC.facilities.filter(function (k) { return k.key === key; })[0];
    var overlay = KC.overlays.filter(function (o) { return o.key === key; })[0];
    KC.sheetDown();
    map.addLayer(kcLayer(overlay.layer));
    map.setView([kind.lat[i] / 1e5, kind.lon[i] / 1e5], Math.max(map.getZoom(), 15), { animate: false });
    KC.pickFacility(key, i);
  };
  function act(selector, go, over) {
    document.querySelectorAll(selector).forEach(function (row) {
      row.addEventListener("click", function () { go(row); });
      row.addEventListener("keydown", function (e) {
        if (e.key === "Enter" || e.key === " ") { e.preventDefault(); go(row); }
      });
      if (!over) { return; }
      row.addEventListener("mouseenter", function () { over(row, true); });
      row.addEventListener("mouseleave", function () { over(row, false); });
      row.addEventListener("focusin", function () { over(row, true); });
      row.addEventListener("focusout", function () { over(row, false); });
    });
  }
  function site(row) { return KC.sites.filter(function (s) { return s.label === row.dataset.label; })[0]; }
  act(".kc-sites li", function (row) { KC.goSite(site(row)); }, function (row, on) {
    document.querySelectorAll(".kc-rank").forEach(function (mark) {
      if (mark.textContent === row.dataset.label) { mark.classList.toggle("kc-lit", on); }
    });
  });
  act("[data-district]", function (row) { KC.goDistrict(Number(row.dataset.district)); }, function (row, on) {
    KC.light(on ? Number(row.dataset.district) : -1);
  });
  act("[data-theme]", function (row) { KC.sheetDown(); KC.show(row.dataset.theme); });
  function mark() {
    document.querySelectorAll("[data-theme]").forEach(function (row) {
      row.setAttribute("aria-pressed", String(row.dataset.theme === KC.theme));
    });
  }
  map.on("kc:theme", mark);
  mark();
}

kcParts.push(kcPlaces);
