// Swipe: two themes side by side, parted by a line that pointer and keyboard move.

function kcSwipe(map) {
  var other = null, share = 0.5, line = null, choice = null;
  function clip() {
    if (!line) { return; }
    var size = map.getSize(), corner = map.containerPointToLayerPoint([0, 0]), x = share * size.x;
    function box(from, to) {
      var l = corner.x + from, r = corner.x + to, t = corner.y, b = corner.y + size.y;
      return "polygon(" + [[l, t], [r, t], [r, b], [l, b]].map(function (p) {
        return p[0] + "px " + p[1] + "px";
      }).join(",") + ")";
    }
    map.getPane("kc_raster").style.clipPath = box(0, x);
    map.getPane("kc_swipe").style.clipPath = box(x, size.x);
    line.style.left = x + "px";
    line.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  }
  function move(to) { share = Math.min(0.98, Math.max(0.02, to)); clip(); }
  function address(key) {
    var layer = kcLayer(kcTheme(key).layer);
    if (!layer.kcAddress) { return Promise.resolve(layer._url); }
    return kcTheme(key).paint ? kcPaint(key) : Promise.resolve("");
  }
  function show(key) {
    KC.swiped = key;
    if (choice) { choice.value = key; }
    address(key).then(function (url) {
      if (KC.swiped !== key) { return; }
      if (other) { other.remove(); }
      other = L.imageOverlay(url, KC.picture.bounds, { pane: "kc_swipe", interactive: false, alt: kcBare(kcTheme(key).title) })
        .addTo(map);
      clip();
    });
    map.fire("kc:swipe");
  }
  function stop() {
    if (!line) { return; }
    line.remove();
    choice.parentNode.remove();
    line = choice = null;
    if (other) { other.remove(); other = null; }
    KC.swiped = "";
    map.getPane("kc_raster").style.clipPath = map.getPane("kc_swipe").style.clipPath = "";
    map.off("move zoomend resize", clip);
    KC.tool("swipe", false);
    map.fire("kc:swipe");
  }
  function handle() {
    line = kcElement("div", "kc-swipe");
    line.tabIndex = 0;
    line.setAttribute("role", "slider");
    line.setAttribute("aria-label", kcSay("swipe_line"));
    line.setAttribute("aria-valuemin", "2");
    line.setAttribute("aria-valuemax", "98");
    line.addEventListener("pointerdown", function (e) { line.setPointerCapture(e.pointerId); e.preventDefault(); line.focus(); });
    line.addEventListener("pointermove", function (e) {
      if (!line.hasPointerCapture(e.pointerId)) { return; }
      var frame = map.getContainer().getBoundingClientRect();
      move((e.clientX - frame.left) / frame.width);
    });
    line.addEventListener("keydown", function (e) {
      var step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[e.key];
      if (step) { move(share + step); e.preventDefault(); e.stopPropagation(); }
    });
    L.DomEvent.disableClickPropagation(line);
    map.getContainer().appendChild(line);
  }
  KC.swipe = function (key) {
    if (line && !key) { stop(); return; }
    if (!line) {
      handle();
      var box = kcElement("label", "kc-box kc-choice");
      choice = kcElement("select");
      box.appendChild(kcElement("span", "", kcSay("on_the_right")));
      KC.themes.forEach(function (theme) {
        var option = kcElement("option", "", theme.title);
        option.value = theme.key;
        if (theme.picture) { choice.appendChild(option); }
      });
      choice.addEventListener("change", function () { show(choice.value); });
      box.appendChild(choice);
      L.DomEvent.disableClickPropagation(box);
      map.getContainer().appendChild(box);
      map.on("move zoomend resize", clip);
      KC.tool("swipe", true);
    }
    var wanted = kcTheme(key) ? key : KC.themes.filter(function (theme) {
      return theme.picture && theme.key !== KC.theme;
    })[0].key;
    show(wanted);
  };
  KC.swiped = "";
}

kcParts.push(kcSwipe);
