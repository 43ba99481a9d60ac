// Themes: which one colours the map, in groups, with its legend.

function kcTheme(key) {
  return KC.themes.filter(function (theme) { return theme.key === key; })[0];
}

// The lists of Leaflet are plain; here their lines stand in groups that fold.
(function () {
  var update = L.Control.Layers.prototype._update, folded = {};
  function grouped(list, things) {
    var labels = Array.from(list.querySelectorAll("label")), box = null, name = null;
    labels.forEach(function (label, i) {
      var thing = things[i];
      if (!thing || !thing.group) { name = null; list.appendChild(label); return; }
      if (thing.group !== name) {
        name = thing.group;
        box = kcElement("details", "kc-group");
        box.dataset.group = name;
        box.appendChild(kcElement("summary", "", kcSay("group_" + name)));
        list.appendChild(box);
      }
      box.appendChild(label);
    });
    list.querySelectorAll(".kc-group").forEach(function (group) {
      var key = group.dataset.group, chosen = group.querySelector("input[type=radio]:checked");
      group.open = key in folded ? folded[key] : Boolean(chosen) || KC.open.indexOf(key) >= 0;
      group.querySelector("summary").addEventListener("click", function () {
        folded[key] = !group.open;
      });
      group.addEventListener("toggle", function () { if (KC.layout) { KC.layout(); } });
    });
  }
  L.Control.Layers.include({
    _update: function () {
      var found = update.call(this);
      if (!this._container) { return found; }
      grouped(this._baseLayersList, KC.themes);
      grouped(this._overlaysList, KC.overlays);
      this._baseLayersList.prepend(kcElement("b", "kc-head", kcSay("colour_by")));
      this._overlaysList.prepend(kcElement("b", "kc-head", kcSay("show_on_top")));
      return found;
    }
  });
}());

// Show another theme, as a click on its line would.
function kcThemes(map) {
  KC.theme = KC.themes[0].key;
  KC.strength = 1;
  map.on("baselayerchange", function (event) {
    KC.themes.forEach(function (theme) {
      if (kcLayer(theme.layer) === event.layer) { KC.theme = theme.key; }
    });
    name();
    map.fire("kc:theme", { key: KC.theme });
  });
  // The picture of a theme is called what its legend is.
  function name() {
    var theme = kcTheme(KC.theme), layer = kcLayer(theme.layer);
    var picture = layer && layer.getElement && layer.getElement();
    if (picture) { picture.alt = kcBare(theme.title); }
  }
  name();
  KC.show = function (key) {
    var theme = kcTheme(key);
    if (!theme || key === KC.theme) { return; }
    map.removeLayer(kcLayer(kcTheme(KC.theme).layer));
    map.addLayer(kcLayer(theme.layer));
  };
  KC.strengthen = function (share) {
    KC.strength = share;
    ["kc_raster", "kc_swipe"].forEach(function (pane) { map.getPane(pane).style.opacity = share; });
    map.fire("kc:strength");
  };
}

// The colour as it is seen on empty ground: that of the theme, as strong as the map shows it.
function kcSeen(colour, chip) {
  var n = parseInt(colour.slice(1), 16), alpha = KC.alpha * KC.strength;
  var own = "rgba(" + (n >> 16) + "," + ((n >> 8) & 255) + "," + (n & 255) + "," + alpha.toFixed(3) + ")";
  chip.style.backgroundColor = "#f6f5f1";
  chip.style.boxShadow = "inset 0 0 0 20px " + own;
}

function kcLegendOf(theme, box) {
  box.appendChild(kcElement("p", "", theme.question));
  if (theme.of) {
    var head = kcElement("div", "kc-key kc-of");
    head.appendChild(kcElement("span", "", ""));
    head.appendChild(kcElement("b", "", kcSay("share_of_" + theme.of)));
    box.appendChild(head);
  }
  theme.rows.forEach(function (row) {
    var line = kcElement("div", "kc-key"), chip = kcElement("i", row.striped ? "kc-hatch" : "");
    kcSeen(row.colour, chip);
    line.appendChild(chip);
    line.appendChild(kcNumbered(kcElement("span", "", row.words), row.share ? "" : row.id));
    if (row.share) { line.appendChild(kcNumbered(kcElement("b", "", row.share), row.id)); }
    box.appendChild(line);
  });
  if (theme.note) { box.appendChild(kcElement("p", "kc-told", theme.note)); }
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
    var theme = KC.themes[number], other = KC.swiped && kcTheme(KC.swiped);
    box.style.display = theme.rows.length || theme.note || other ? "" : "none";
    box.appendChild(kcElement("summary", "", other ? kcSay("left", { title: theme.title }) : theme.title));
    kcLegendOf(theme, box);
    if (!other) { return; }
    box.appendChild(kcElement("b", "kc-second", kcSay("right", { title: other.title })));
    kcLegendOf(other, box);
  }
  var shown = 0;
  show(shown);
  function again() {
    shown = KC.themes.map(function (theme) { return theme.key; }).indexOf(KC.theme);
    show(shown);
  }
  map.on("kc:theme kc:strength kc:swipe kc:legend", again);
  // Width and height of the legend, or of the largest of all: the map stays when the theme changes.
  KC.legendSize = function (all) {
    var numbers = all ? KC.themes.map(function (_, i) { return i; }) : [shown];
    var most = numbers.reduce(function (size, number) {
      show(number);
      var rect = box.getBoundingClientRect();
      return [Math.max(size[0], rect.width), Math.max(size[1], rect.height)];
    }, [0, 0]);
    show(shown);
    return most;
  };
}

// How strong the colours are, below the list of themes.
function kcStrength(map) {
  var line = kcElement("label", "kc-strength"), range = kcElement("input");
  range.type = "range";
  range.min = "0";
  range.max = "100";
  range.step = "5";
  range.value = "100";
  line.appendChild(kcElement("span", "", kcSay("strength")));
  line.appendChild(range);
  range.addEventListener("input", function () { KC.strengthen(Number(range.value) / 100); });
  map.on("kc:strength", function () { range.value = String(Math.round(100 * KC.strength)); });
  document.querySelector(".leaflet-control-layers-list").appendChild(line);
}

kcParts.push(kcThemes);
kcParts.push(kcLegend);
kcParts.push(kcStrength);
