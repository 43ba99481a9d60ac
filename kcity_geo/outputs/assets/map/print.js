// The page on paper.

// Programs that print play a canvas back stroke by stroke, and some lay white ground under each one: one still
// picture of all that the map shows takes the place of them. An online background stays below it.
function kcPaperPicture(map) {
  map.eachLayer(function (layer) { if (layer instanceof L.Canvas) { layer._redraw(); } });  // paper waits for no frame
  var frame = map.getContainer().getBoundingClientRect(), still = kcElement("canvas"), ratio = 2;
  still.width = frame.width * ratio;
  still.height = frame.height * ratio;
  var pen = still.getContext("2d");
  pen.scale(ratio, ratio);
  if (!map.getPane("kc_tiles").querySelector("img")) {
    pen.fillStyle = getComputedStyle(map.getContainer()).backgroundColor;
    pen.fillRect(0, 0, frame.width, frame.height);
  }
  kcPaintMap(map, pen, frame);
  var picture = kcElement("img", "kc-paper");
  picture.alt = kcBare(kcTheme(KC.theme).title);
  picture.src = still.toDataURL("image/png");
  picture.style.width = frame.width + "px";
  picture.style.height = frame.height + "px";
  L.DomUtil.setPosition(picture, map.containerPointToLayerPoint([0, 0]));
  map.getPane("overlayPane").appendChild(picture);  // below the numbers of sites
  map.getContainer().classList.add("kc-still");
  return function () { picture.remove(); map.getContainer().classList.remove("kc-still"); };
}

// Paper has another shape than the window: the map takes a fixed size there and is fitted again.
function kcPrint(map) {
  var view = null, still = null, aside = document.querySelector("aside"), page = document.documentElement;
  function shrink(zoom) {
    aside.style.zoom = zoom;
    aside.style.width = "calc(80mm / " + zoom + ")";
    aside.style.height = "calc(178mm / " + zoom + ")";
    return aside.scrollHeight <= aside.clientHeight + 1;
  }
  function before() {
    if (still) { return; }
    view = { centre: map.getCenter(), zoom: map.getZoom() };
    page.classList.add("kc-print");
    map.invalidateSize({ animate: false, pan: false });
    kcFit(map);
    still = kcPaperPicture(map);
    for (var zoom = 1; !shrink(zoom) && zoom > 0.5; zoom -= 0.05) { continue; }
  }
  function after() {
    if (!still) { return; }
    page.classList.remove("kc-print");
    still();
    still = null;
    aside.removeAttribute("style");
    map.invalidateSize({ animate: false, pan: false });
    map.setView(view.centre, view.zoom, { animate: false });
  }
  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", after);
  // Programs that only change the medium send no event before they print.
  window.matchMedia("print").addEventListener("change", function (e) { if (e.matches) { before(); } else { after(); } });
}

kcParts.push(kcPrint);
