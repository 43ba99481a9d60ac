// What is drawn on the map: lines, land, points, sites, survey tasks.

// Lines of a drawing: differences of degrees x 100,000, seven bits a byte.
function kcLines(key) { return kcUnpacked(KC.drawings[key]); }

function kcUnpacked(text) {
  var bytes = kcBytes(text), at = 0;
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
    weight: style.weight, dashArray: style.dash || null, opacity: 1, smoothFactor: 1.2 });
  if (style.closer > 0) { kcOnlyCloser(line, style.closer); }
  return line;
}

// The plan of a site: areas of one colour each. The map goes there when the theme is chosen and the site is not in sight.
function kcPlanned(key) {
  var theme = kcTheme(key), group = L.layerGroup();
  theme.shapes.forEach(function (part) {
    L.polygon([kcUnpacked(part.data)], { pane: "kc_raster", interactive: false, stroke: false, fillColor: part.colour,
      fillOpacity: KC.alpha, fillRule: "evenodd", smoothFactor: 0.5 }).addTo(group);
  });
  group.on("add", function () {
    var map = group._map, site = L.latLngBounds(theme.bounds), seen = map.getBounds();
    var small = map.getBoundsZoom(site) - map.getZoom() > 2.5;
    if (!small && seen.contains(site)) { return; }
    var list = document.querySelector(".leaflet-control-layers"), right = (list ? list.offsetWidth : 0) + 30;
    map.fitBounds(site, { paddingTopLeft: [60, 60], paddingBottomRight: [right, 60], animate: false });
  });
  return group;
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
    var text = kcElement("bdi", "", kind.text[i]);
    L.circleMarker([lat / 1e5, kind.lon[i] / 1e5], { radius: kind.radius, color: "#ffffff",
      weight: 1, fillColor: kind.colour, fillOpacity: 0.95, bubblingMouseEvents: false })
      .bindTooltip(text, { className: "kc-tip" })
      .on("click", function () { KC.pickFacility(kind.key, i); }).addTo(group);
  });
  return group;
}

function kcSize(site) {
  return site.area + (site.score ? ", " + kcSay("of_100", { score: site.score }) : "");
}

// Sites: outline and number; a click on either shows the site in the box of numbers.
function kcSiteLayer() {
  var group = L.featureGroup(), marks = [];
  KC.sites.forEach(function (site) {
    var tip = kcElement("div"), head = kcElement("b", "", site.title);
    head.dir = "auto";
    tip.appendChild(head);
    tip.appendChild(kcElement("div", "", kcSize(site)));
    site.reasons.slice(0, 3).forEach(function (text) {
      var line = kcElement("div", "", text);
      line.dir = "auto";
      tip.appendChild(line);
    });
    L.geoJSON(site.shape, { style: { color: "#c2185b", weight: 2.5, fillColor: "#ffffff", fillOpacity: 0.12 },
      bubblingMouseEvents: false })
      .bindTooltip(tip, { sticky: true, className: "kc-tip" })
      .on("click", function () { KC.pickSite(site); }).addTo(group);
    marks.push(L.marker([site.lat, site.lon], { alt: kcBare(site.title),
      icon: L.divIcon({ html: kcElement("span", "", site.label), className: "kc-rank", iconSize: [24, 24] }) })
      .bindTooltip(tip.cloneNode(true), { className: "kc-tip" })
      .on("click", function () { KC.pickSite(site); }).addTo(group));
  });
  function apart() { kcApart(group._map, marks); }
  group.on("add", function () { group._map.on("zoomend", apart); apart(); });
  group.on("remove", function () { group._map.off("zoomend", apart); });
  return group;
}

// Numbers of sites that would lie on each other stand side by side.
function kcApart(map, marks) {
  var placed = [], steps = [[0, 0]];
  [1, 2, 3].forEach(function (n) {
    steps.push([n, 0], [-n, 0], [0, n], [0, -n], [n, n], [-n, n], [n, -n], [-n, -n]);
  });
  marks.forEach(function (mark) {
    var own = map.latLngToLayerPoint(mark.getLatLng()), at = own;
    steps.some(function (step) {
      at = own.add([13 * step[0], 13 * step[1]]);
      return placed.every(function (other) { return other.distanceTo(at) >= 23; });
    });
    placed.push(at);
    mark.getElement().style.margin = (at.y - own.y - 12) + "px 0 0 " + (at.x - own.x - 12) + "px";
  });
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

// An online background: made, and asked for, only when somebody switches it on.
function kcTiles() {
  var group = L.layerGroup(), credit = kcElement("span", "", KC.tiles[1]), tiles = null;
  group.on("add", function () {
    tiles = tiles || L.tileLayer(KC.tiles[0], { pane: "kc_tiles", attribution: credit.innerHTML, maxZoom: 19 });
    group.addLayer(tiles);
  });
  return group;
}
