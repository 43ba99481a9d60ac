// Measure: length of a line of clicked places and, from three on, the area within.

// Metres for a degree of latitude and of longitude on the ellipsoid (WGS 84).
function kcDegree(lat) {
  var a = 6378137, e2 = 0.00669437999014, s = Math.sin(lat * Math.PI / 180), w = 1 - e2 * s * s;
  return [a * (1 - e2) / Math.pow(w, 1.5) * Math.PI / 180,
          a / Math.sqrt(w) * Math.cos(lat * Math.PI / 180) * Math.PI / 180];
}

function kcLength(places) {
  var sum = 0;
  for (var i = 1; i < places.length; i++) {
    var p = places[i - 1], q = places[i], each = kcDegree((p.lat + q.lat) / 2);
    sum += Math.hypot((q.lat - p.lat) * each[0], (q.lng - p.lng) * each[1]);
  }
  return sum;
}

function kcArea(places) {
  var middle = 0, sum = 0;
  places.forEach(function (p) { middle += p.lat / places.length; });
  var each = kcDegree(middle);
  for (var i = 0; i < places.length; i++) {
    var p = places[i], q = places[(i + 1) % places.length];
    sum += (p.lng - places[0].lng) * (q.lat - places[0].lat) - (q.lng - places[0].lng) * (p.lat - places[0].lat);
  }
  return Math.abs(sum) / 2 * each[0] * each[1];
}

function kcMetres(m) { return m < 995 ? Math.round(m) + " m" : (m / 1000).toFixed(m < 9950 ? 2 : 1) + " km"; }

function kcHectares(m2) {
  return m2 < 995000 ? (m2 / 10000).toFixed(m2 < 99500 ? 2 : 1) + " ha" : (m2 / 1e6).toFixed(2) + " km\u00b2";
}

function kcMeasure(map) {
  var places = [], drawn = L.layerGroup(), told = null;
  function draw() {
    drawn.clearLayers();
    if (places.length > 2) {
      L.polygon(places, { interactive: false, stroke: false, fillColor: "#0b61a4", fillOpacity: 0.12 }).addTo(drawn);
    }
    L.polyline(places, { interactive: false, color: "#0b61a4", weight: 2.5 }).addTo(drawn);
    places.forEach(function (p) {
      L.circleMarker(p, { interactive: false, radius: 4, color: "#0b61a4", fillColor: "#fff", fillOpacity: 1 }).addTo(drawn);
    });
    var text = places.length > 1 ? kcSay("length_is", { length: kcMetres(kcLength(places)) }) : kcSay("measure_how");
    if (places.length > 2) { text += "  \u00b7  " + kcSay("area_is", { area: kcHectares(kcArea(places)) }); }
    told.firstChild.textContent = text;
  }
  function add(event) {
    if (event.originalEvent && event.originalEvent.target.closest(".leaflet-control, .kc-bar")) { return; }
    places.push(event.latlng);
    draw();
  }
  function key(e) {
    if (e.key === "Backspace") { places.pop(); draw(); e.preventDefault(); }
    if (e.key === "Escape") { stop(); }
  }
  function stop() {
    if (KC.busy !== "measure") { return; }
    KC.busy = "";
    map.getContainer().classList.remove("kc-measuring");
    map.off("click", add);
    document.removeEventListener("keydown", key);
    drawn.remove();
    told.remove();
    KC.tool("measure", false);
  }
  KC.measure = function () {
    if (KC.busy === "measure") { stop(); return; }
    if (KC.stopBusy) { KC.stopBusy(); }
    KC.card.close();
    KC.busy = "measure";
    map.getContainer().classList.add("kc-measuring");
    KC.stopBusy = stop;
    places = [];
    told = kcElement("div", "kc-box kc-bar");
    told.setAttribute("role", "status");
    told.appendChild(kcElement("span", ""));
    told.appendChild(kcButton("kc-link", kcSay("done"), stop));
    map.getContainer().appendChild(told);
    L.DomEvent.disableClickPropagation(told);
    drawn.addTo(map);
    map.on("click", add);
    document.addEventListener("keydown", key);
    KC.tool("measure", true);
    draw();
  };
}

kcParts.push(kcMeasure);
