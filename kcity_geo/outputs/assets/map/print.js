// The page on paper.

// On paper a canvas is played back stroke by stroke, and its empty ground comes out white over all
// below it: a picture of each takes its place there.
function kcPaperCopies(map) {
  var copies = [];
  map.eachLayer(function (layer) {
    if (!(layer instanceof L.Canvas) || typeof OffscreenCanvas === "undefined") { return; }
    layer._redraw();  // paper does not wait for the next frame
    var from = layer._container, still = new OffscreenCanvas(from.width, from.height);
    still.getContext("2d").drawImage(from, 0, 0);
    var copy = kcElement("canvas", "kc-copy");
    copy.style.cssText = from.style.cssText;
    copy.width = from.width;
    copy.height = from.height;
    copy.getContext("bitmaprenderer").transferFromImageBitmap(still.transferToImageBitmap());
    from.parentNode.appendChild(copy);
    from.classList.add("kc-copied");
    copies.push(function () { copy.remove(); from.classList.remove("kc-copied"); });
  });
  return copies;
}

// Paper has another shape than the window: the map takes a fixed size there and is fitted again.
function kcPrint(map) {
  var view = null, copies = [], aside = document.querySelector("aside"), page = document.documentElement;
  function shrink(zoom) {
    aside.style.zoom = zoom;
    aside.style.width = "calc(80mm / " + zoom + ")";
    aside.style.height = "calc(178mm / " + zoom + ")";
    return aside.scrollHeight <= aside.clientHeight + 1;
  }
  window.addEventListener("beforeprint", function () {
    if (!view) { view = { centre: map.getCenter(), zoom: map.getZoom() }; }
    page.classList.add("kc-print");
    map.invalidateSize({ animate: false, pan: false });
    kcFit(map);
    copies.forEach(function (undo) { undo(); });
    copies = kcPaperCopies(map);
    for (var zoom = 1; !shrink(zoom) && zoom > 0.5; zoom -= 0.05) { continue; }
  });
  window.addEventListener("afterprint", function () {
    page.classList.remove("kc-print");
    copies.forEach(function (undo) { undo(); });
    copies = [];
    aside.removeAttribute("style");
    map.invalidateSize({ animate: false, pan: false });
    if (view) { map.setView(view.centre, view.zoom, { animate: false }); }
    view = null;
  });
}

kcParts.push(kcPrint);
