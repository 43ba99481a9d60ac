// The address of the page holds what it shows, so that a link opens the same view.

function kcState(map) {
  var writing = null, home = "", started = false;
  function now() {
    var c = map.getCenter(), told = ["map=" + c.lat.toFixed(5) + "," + c.lng.toFixed(5) + "," + map.getZoom().toFixed(1)];
    told.push("theme=" + KC.theme);
    var on = KC.overlays.filter(function (o) { return map.hasLayer(kcLayer(o.layer)); });
    var same = on.length === KC.overlays.filter(function (o) { return o.show; }).length &&
      on.every(function (o) { return o.show; });
    if (!same) { told.push("on=" + on.map(function (o) { return o.key; }).join(",")); }
    if (KC.swiped) { told.push("right=" + KC.swiped); }
    if (KC.strength < 1) { told.push("strength=" + Math.round(100 * KC.strength)); }
    if (KC.step() >= 0) { told.push("step=" + (KC.step() + 1)); }
    if (KC.card.pinned) {
      var p = KC.card.latlng;
      told.push("card=" + (KC.card.pinned.indexOf("cell:") ? KC.card.pinned
        : "at:" + p.lat.toFixed(5) + "," + p.lng.toFixed(5)).split(":").map(encodeURIComponent).join(":"));
    }
    return "#" + told.join("&");
  }
  function write() {
    clearTimeout(writing);
    writing = setTimeout(function () {
      var hash = now();
      if (!started || hash === location.hash) { return; }
      try { history.replaceState(null, "", hash); } catch (e) { home = hash; }
    }, 150);
  }
  KC.link = function () { return location.href.split("#")[0] + now(); };
  function card(text) {
    var parts = text.split(":").map(decodeURIComponent), kind = parts[0];
    if (kind === "site") {
      KC.sites.forEach(function (site) { if (site.label === parts[1]) { KC.pickSite(site); } });
    } else if (kind === "district") {
      KC.districts.forEach(function (d, i) { if (d.id === parts.slice(1).join(":")) { KC.pickDistrict(i); } });
    } else if (kind === "facility") {
      var known = KC.facilities.filter(function (k) { return k.key === parts[1]; })[0];
      if (known && Number(parts[2]) < known.lat.length) { KC.pickFacility(parts[1], Number(parts[2])); }
    } else if (kind === "at") {
      var p = (parts[1] || "").split(",").map(Number);
      if (isFinite(p[0]) && isFinite(p[1])) { KC.numbers.then(function () { KC.pickPlace(L.latLng(p[0], p[1])); }); }
    }
  }
  function read() {
    var told = {};
    location.hash.slice(1).split("&").forEach(function (part) {
      var i = part.indexOf("=");
      if (i > 0) { told[part.slice(0, i)] = part.slice(i + 1); }
    });
    if (told.step && KC.story[Number(told.step) - 1]) { KC.tell(Number(told.step) - 1); }
    if (told.theme && kcTheme(told.theme)) { KC.show(told.theme); }
    if ("on" in told) {
      var on = told.on.split(",");
      KC.overlays.forEach(function (o) {
        if (on.indexOf(o.key) >= 0) { map.addLayer(kcLayer(o.layer)); } else { map.removeLayer(kcLayer(o.layer)); }
      });
    }
    if (Number(told.strength) >= 0 && Number(told.strength) < 100) { KC.strengthen(Number(told.strength) / 100); }
    if (told.right && kcTheme(told.right)) { KC.swipe(told.right); }
    var view = (told.map || "").split(",").map(Number);
    var near = L.latLngBounds(KC.bounds).pad(2);
    if (view.length === 3 && view.every(isFinite) && near.contains([view[0], view[1]])) {
      map.setView([view[0], view[1]], view[2], { animate: false });
    }
    if (told.card) { try { card(told.card); } catch (e) { if (!(e instanceof URIError)) { throw e; } } }
  }
  if (location.hash.length > 1) { read(); }
  window.addEventListener("hashchange", function () { if (location.hash !== now()) { read(); } });
  map.on("moveend kc:theme kc:card kc:swipe kc:strength kc:state layeradd layerremove", function (e) {
    if (e.layer && !KC.overlays.some(function (o) { return kcLayer(o.layer) === e.layer; })) { return; }
    write();
  });
  // The view that a page opens with needs no address; the first change does.
  map.once("movestart kc:theme kc:card kc:swipe kc:strength kc:state", function () { started = true; });
}

kcParts.push(kcState);
