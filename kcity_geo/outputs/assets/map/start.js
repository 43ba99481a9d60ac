// The start of the map; last of the files.

function kcStart(map) {
  map.attributionControl.setPrefix("Leaflet");
  var credit = kcElement("span", "", KC.credits);
  map.attributionControl.addAttribution(credit.innerHTML);
  kcZoomWords(map, ".leaflet-control-zoom-in", kcSay("zoom_in"));
  kcZoomWords(map, ".leaflet-control-zoom-out", kcSay("zoom_out"));
  L.control.scale({ imperial: false }).addTo(map);
  kcParts.forEach(function (part) { part(map); });
  var north = L.control({ position: "topleft" });
  north.onAdd = function () {
    var box = kcElement("div", "kc-north", kcSay("north"));
    box.title = kcSay("north_up");
    return box;
  };
  north.addTo(map);
}

// The two buttons of Leaflet have words of its own.
function kcZoomWords(map, button, words) {
  var found = map.getContainer().querySelector(button);
  found.title = words;
  found.setAttribute("aria-label", words);
}

// Panels are measured with the fonts of the page, so the map starts when those are there.
function kcStartWithFonts(map) {
  var fonts = document.fonts ? Array.from(document.fonts) : [];
  var start = function () { kcStart(map); };
  Promise.all(fonts.map(function (font) { return font.load(); })).then(start, start);
}
