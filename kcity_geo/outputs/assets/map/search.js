// Search over districts, sites, facilities and places; the words are those of the data, shown as text.

function kcFolded(text) { return kcBare(text).normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase(); }

function kcIndex() {
  var found = [];
  KC.districts.forEach(function (district, i) {
    found.push({ text: district.name, kind: kcSay("district"), go: function () { KC.goDistrict(i); } });
  });
  KC.sites.forEach(function (site) {
    found.push({ text: site.title, kind: kcSay("site"), go: function () { KC.goSite(site); } });
  });
  KC.labels.places.forEach(function (place) {
    found.push({ text: place[2] + (place[3] ? " (" + place[3] + ")" : ""), kind: kcSay("place"), go: function () {
      KC.sheetDown();
      KC.map.setView([place[0], place[1]], Math.max(KC.map.getZoom(), 14), { animate: false });
      KC.pickPlace(L.latLng(place[0], place[1]));
    } });
  });
  KC.facilities.forEach(function (kind) {
    kind.text.forEach(function (text, i) {
      if (kind.named[i]) {
        found.push({ text: text, kind: kind.title, go: function () { KC.goFacility(kind.key, i); } });
      }
    });
  });
  found.forEach(function (one) { one.plain = kcFolded(one.text); });
  return found;
}

// Those that begin with the words, then those with a word that does, then the others.
function kcFind(index, asked) {
  var words = kcFolded(asked.trim()), ranks = [[], [], []];
  if (!words) { return []; }
  index.forEach(function (one) {
    var at = one.plain.indexOf(words);
    if (at < 0) { return; }
    ranks[at === 0 ? 0 : /[\s(,.-]/.test(one.plain[at - 1]) ? 1 : 2].push(one);
  });
  return ranks[0].concat(ranks[1], ranks[2]).slice(0, 12);
}

function kcSearch(map) {
  var control = L.control({ position: "topleft" }), index = null, shown = [], chosen = -1;
  var box = kcElement("div", "kc-search"), field = kcElement("input"), list = kcElement("ul", "kc-box");
  field.type = "search";
  field.placeholder = kcSay("search");
  field.setAttribute("aria-label", kcSay("search"));
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-expanded", "false");
  field.setAttribute("aria-controls", "kc-found");
  field.setAttribute("aria-autocomplete", "list");
  list.id = "kc-found";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", kcSay("search"));
  list.hidden = true;
  box.appendChild(field);
  box.appendChild(list);
  function go(number) {
    var one = shown[number];
    if (!one) { return; }
    field.value = "";
    write();
    one.go();
  }
  function choose(number) {
    chosen = shown.length ? (number + shown.length) % shown.length : -1;
    Array.from(list.children).forEach(function (item, i) {
      item.setAttribute("aria-selected", String(i === chosen));
      if (i === chosen) { field.setAttribute("aria-activedescendant", item.id); }
    });
  }
  function write() {
    index = index || kcIndex();
    shown = kcFind(index, field.value);
    list.textContent = "";
    shown.forEach(function (one, i) {
      var item = kcElement("li"), name = kcElement("bdi", "", one.text);
      item.id = "kc-found-" + i;
      item.setAttribute("role", "option");
      item.appendChild(name);
      item.appendChild(kcElement("small", "", one.kind));
      item.addEventListener("mousedown", function (e) { e.preventDefault(); });
      item.addEventListener("click", function (e) { e.stopPropagation(); go(i); });
      list.appendChild(item);
    });
    if (field.value.trim() && !shown.length) { list.appendChild(kcElement("li", "kc-none", kcSay("nothing_found"))); }
    list.hidden = !list.children.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    field.removeAttribute("aria-activedescendant");
    choose(shown.length ? 0 : -1);
  }
  field.addEventListener("input", write);
  field.addEventListener("blur", function () { list.hidden = true; });
  field.addEventListener("focus", function () { list.hidden = !list.children.length; });
  field.addEventListener("keydown", function (e) {
    if (e.key === "ArrowDown") { choose(chosen + 1); e.preventDefault(); }
    if (e.key === "ArrowUp") { choose(chosen - 1); e.preventDefault(); }
    if (e.key === "Enter") { go(chosen); e.preventDefault(); }
    if (e.key === "Escape") { field.value = ""; write(); field.blur(); map.getContainer().focus(); }
    e.stopPropagation();
  });
  L.DomEvent.disableClickPropagation(box);
  L.DomEvent.disableScrollPropagation(box);
  control.onAdd = function () { return box; };
  control.addTo(map);
  // The box stands beside the column of buttons, not in it.
  map.getContainer().querySelector(".leaflet-control-container").appendChild(box);
  KC.search = field;
}

kcParts.push(kcSearch);
