// Where the boxes of the map stand, and the view that they leave free.

// Too small for the list of layers beside the city, or above the legend.
function kcSmall(map) {
  var size = map.getSize();
  return size.x < 800 || size.y < 680;
}

// The list of layers folds away on a small map; opened there, it takes the place of the legend.
function kcFolds(map) {
  var layers = document.querySelector(".leaflet-control-layers");
  var legend = document.querySelector(".kc-legend"), hover = document.querySelector(".kc-hover");
  var button = kcElement("button", "kc-fold", kcSay("layers")), chosen = false;
  L.DomEvent.disableScrollPropagation(layers);
  button.type = "button";
  // Both stand on the right: the legend takes what the list leaves, and scrolls if it needs more.
  function share() {
    layers.style.maxHeight = Math.max(160, map.getSize().y - 230) + "px";
    var free = map.getSize().y - layers.getBoundingClientRect().height - 60;
    legend.style.maxHeight = free >= 140 ? free + "px" : "";
  }
  KC.layout = share;
  map.on("kc:theme kc:swipe", share);
  function fold(away) {
    map.getContainer().classList.toggle("kc-small", kcSmall(map));
    layers.classList.toggle("kc-folded", away);
    button.setAttribute("aria-expanded", String(!away));
    share();
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
  var scale = size(".leaflet-control-scale")[1] || 10, story = size(".kc-story")[1];
  if (story) { scale = story + 26; }
  var legend = KC.legendSize(frame.width > 1000).map(function (v) { return v && v + 18; });
  var layers = size(".leaflet-control-layers"), zoom = size(".kc-tools"), search = size(".kc-search")[1];
  [0, 1].forEach(function (low) {
    [0, 1].forEach(function (high) {
      var left = zoom[0], bottom = low ? legend[1] + scale : scale;
      var top = Math.max(high ? layers[1] : 10, search);
      var right = Math.max(low ? 10 : legend[0], high ? 10 : layers[0]);
      if (left + right > frame.width - 60 || top + bottom > frame.height - 60) { return; }
      var level = map.getBoundsZoom(KC.view, false, L.point(left + right, top + bottom));
      if (!best || level > best.level) { best = { level: level, from: [left, top], to: [right, bottom] }; }
    });
  });
  map.fitBounds(KC.view, { paddingTopLeft: best ? best.from : [8, 8],
    paddingBottomRight: best ? best.to : [8, 8], animate: false });
  if (KC.fitted === undefined) { KC.fitted = map.getZoom(); }
}

// On a phone the panel is a sheet at the lower edge, which its handle pulls up.
function kcSheet(map) {
  var aside = document.querySelector("aside"), handle = kcButton("kc-handle", kcSay("more"), turn);
  function turn() {
    var open = aside.classList.toggle("kc-up");
    handle.setAttribute("aria-expanded", String(open));
    handle.textContent = kcSay(open ? "less" : "more");
    if (!open) { aside.scrollTop = 0; }
  }
  handle.setAttribute("aria-expanded", "false");
  aside.insertBefore(handle, aside.firstChild);
  KC.sheetDown = function () { if (aside.classList.contains("kc-up")) { turn(); } };
  map.on("click", KC.sheetDown);
}

kcParts.push(kcSheet);
kcParts.push(kcFolds);
kcParts.push(kcFit);
