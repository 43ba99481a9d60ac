// The column of buttons, the keys that do the same, and the map as text.

var KC_ICONS = {
  home: "M4 11 12 4l8 7M6 10v9h12v-9M10 19v-5h4v5",
  story: "M5 4h14v12H9l-4 4z M9 8h6M9 11.5h4",
  swipe: "M12 3v18M9 8 5 12l4 4M15 8l4 4-4 4",
  measure: "M3 16 16 3l5 5L8 21z M7 12l2 2M10 9l2 2M13 6l2 2",
  picture: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4M15.5 9h.1",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  text: "M5 6h14M5 10h14M5 14h14M5 18h9",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  keys: "M3 7h18v10H3z M6 10h.1M10 10h.1M14 10h.1M18 10h.1M7 14h10"
};

function kcTools(map) {
  var control = L.control({ position: "topleft" }), bar = kcElement("div", "kc-tools leaflet-bar"), buttons = {};
  KC.map = map;
  KC.busy = "";
  KC.home = function () { kcFit(map); };
  KC.tool = function (key, on) { if (buttons[key]) { buttons[key].setAttribute("aria-pressed", String(on)); } };
  var acts = {
    home: function () { KC.home(); },
    story: function () { KC.tell(); },
    swipe: function () { KC.swipe(); },
    measure: function () { KC.measure(); },
    picture: function () { kcSavePicture(map); },
    full: function () { kcFull(map); },
    text: function () { kcAsText(); },
    link: function () { kcLinkBox(); },
    keys: function () { kcKeys(); }
  };
  var keys = { home: "h", story: "s", swipe: "v", measure: "m", picture: "p", full: "f", text: "t", link: "l", keys: "?" };
  Object.keys(acts).forEach(function (key) {
    var button = kcButton("kc-tool", "", function () { acts[key](); });
    button.appendChild(kcIcon(KC_ICONS[key]));
    button.title = kcSay("tool_" + key) + " (" + keys[key] + ")";
    button.setAttribute("aria-label", kcSay("tool_" + key));
    button.setAttribute("aria-keyshortcuts", keys[key]);
    button.dataset.tool = key;
    if (["story", "swipe", "measure"].indexOf(key) >= 0) { button.setAttribute("aria-pressed", "false"); }
    buttons[key] = button;
    bar.appendChild(button);
  });
  L.DomEvent.disableClickPropagation(bar);
  control.onAdd = function () { return bar; };
  control.addTo(map);
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog")) { return; }
    if (e.key === "/") { KC.search.focus(); e.preventDefault(); return; }
    Object.keys(keys).forEach(function (key) { if (keys[key] === e.key) { acts[key](); e.preventDefault(); } });
  });
  kcCross(map);
  kcWhere(map);
}

// Without a pointer: a cross in the middle of the map, and Enter is a click there.
function kcCross(map) {
  var box = map.getContainer();
  box.appendChild(kcElement("div", "kc-cross"));
  box.setAttribute("aria-label", kcSay("map_keys"));
  box.addEventListener("keydown", function (e) {
    if (e.target !== box || (e.key !== "Enter" && e.key !== " ")) { return; }
    e.preventDefault();
    var size = map.getSize(), point = L.point(size.x / 2, size.y / 2);
    map.fire("click", { latlng: map.containerPointToLatLng(point), containerPoint: point, originalEvent: e });
  });
}

// Coordinates under the pointer, beside the scale; before there is one, for some seconds, what pointing is good for.
function kcWhere(map) {
  var control = L.control({ position: "bottomleft" }), box = kcElement("div", "kc-where");
  control.onAdd = function () { return box; };
  control.addTo(map);
  var hint = box.textContent = kcSay("hint");
  setTimeout(function () { if (box.textContent === hint) { box.textContent = ""; } }, 5000);
  map.on("mousemove", function (e) { box.textContent = kcPlaceText(e.latlng.wrap()); });
  map.on("mouseout", function () { box.textContent = ""; });
}

function kcFull(map) {
  var page = document.documentElement;
  function wide() {
    page.classList.toggle("kc-wide");
    map.invalidateSize({ animate: false });
    KC.home();
  }
  if (document.fullscreenElement) { document.exitFullscreen(); return; }
  if (page.requestFullscreen && !page.classList.contains("kc-wide")) { page.requestFullscreen().then(wide, wide); } else { wide(); }
  document.addEventListener("fullscreenchange", function () {
    if (!document.fullscreenElement && page.classList.contains("kc-wide")) { wide(); }
  }, { once: false });
}

function kcLinkBox() {
  var box = kcDialog(kcSay("tool_link")), field = kcElement("input");
  field.readOnly = true;
  field.value = KC.link();
  field.setAttribute("aria-label", kcSay("tool_link"));
  box.appendChild(kcElement("p", "", kcSay("link_how")));
  box.appendChild(field);
  var copy = kcButton("kc-do", kcSay("copy"), function () { kcCopy(field.value, copy); });
  box.appendChild(copy);
  field.select();
}

function kcKeys() {
  var box = kcDialog(kcSay("tool_keys")), rows = [];
  [["/", "search"], ["h", "tool_home"], ["s", "tool_story"], ["v", "tool_swipe"], ["m", "tool_measure"],
   ["p", "tool_picture"], ["f", "tool_full"], ["t", "tool_text"], ["l", "tool_link"], ["?", "tool_keys"],
   ["\u2190 \u2191 \u2192 \u2193", "key_move"], ["+ \u2212", "key_zoom"], ["Enter", "key_enter"], ["Esc", "key_escape"]]
    .forEach(function (row) { rows.push([row[0], kcSay(row[1])]); });
  box.appendChild(kcTable([kcSay("key"), kcSay("does")], rows));
}

// What the map shows, for those who do not see it.
function kcAsText() {
  var box = kcDialog(KC.title), theme = kcTheme(KC.theme);
  KC.headline.forEach(function (line) {
    var words = kcElement("p", "", line);
    words.dir = "auto";
    box.appendChild(words);
  });
  box.appendChild(kcElement("h3", "", theme.title));
  box.appendChild(kcElement("p", "", [theme.question, theme.note].filter(Boolean).join(". ")));
  if (theme.rows.length) {
    var shares = theme.rows.some(function (row) { return row.share; });
    box.appendChild(kcTable([kcSay("class")].concat(shares ? [kcSay("share_of_" + theme.of)] : []),
      theme.rows.map(function (row) { return shares ? [row.words, row.share] : [row.words]; })));
  }
  if (KC.districts.length > 1) {
    box.appendChild(kcElement("h3", "", kcSay("districts")));
    box.appendChild(kcTable([kcSay("district"), kcSay("people")].concat(KC.sectors),
      KC.districts.map(function (d) { return [d.name, d.people].concat(d.readings); })));
  }
  if (KC.sites.length) {
    box.appendChild(kcElement("h3", "", kcSay("sites")));
    box.appendChild(kcTable([kcSay("site"), kcSay("size"), kcSay("for_it"), kcSay("against_it")],
      KC.sites.map(function (s) { return [s.title, kcSize(s), s.reasons.join("; "), s.concerns.join("; ")]; })));
  }
}

kcParts.push(kcTools);
