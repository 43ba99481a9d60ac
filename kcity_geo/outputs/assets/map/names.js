// Names on the map, with a halo: districts, places, main roads. No two of them cover each other.

function kcNames() {
  var Names = L.Layer.extend({
    onAdd: function (map) {
      this._canvas = kcElement("canvas", "kc-names leaflet-zoom-hide");
      map.getPane("kc_names").appendChild(this._canvas);
      map.on("moveend zoomend resize viewreset", this._draw, this);
      this._draw();
    },
    onRemove: function (map) {
      this._canvas.remove();
      map.off("moveend zoomend resize viewreset", this._draw, this);
    },
    kcCanvas: function () { return this._canvas; },
    _draw: function () {
      var map = this._map, size = map.getSize(), ratio = Math.min(window.devicePixelRatio || 1, 2);
      var canvas = this._canvas;
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
      canvas.width = size.x * ratio;
      canvas.height = size.y * ratio;
      canvas.style.width = size.x + "px";
      canvas.style.height = size.y + "px";
      var pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      kcDrawNames(map, pen, size);
    }
  });
  return new Names();
}

function kcDrawNames(map, pen, size) {
  var family = getComputedStyle(document.body).fontFamily, taken = [];
  function free(box) {
    if (box[0] < 2 || box[1] < 2 || box[2] > size.x - 2 || box[3] > size.y - 2) { return false; }
    return taken.every(function (b) { return box[2] < b[0] || b[2] < box[0] || box[3] < b[1] || b[3] < box[1]; });
  }
  function halo(text, x, y, colour) {
    pen.strokeText(text, x, y);
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  }
  pen.clearRect(0, 0, size.x, size.y);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 3;
  pen.strokeStyle = "rgba(255,255,255,0.92)";
  // Numbers of sites stay free.
  KC.sites.forEach(function (site) {
    var p = map.latLngToContainerPoint([site.lat, site.lon]);
    taken.push([p.x - 13, p.y - 13, p.x + 13, p.y + 13]);
  });
  function name(place, font, colour) {
    var p = map.latLngToContainerPoint([place[0], place[1]]);
    pen.font = font + " " + family;
    var height = parseFloat(font.split("px")[0].split(" ").pop()) + 3;
    var lines = [kcShort(place[2])].concat(place[3] ? [kcShort(place[3])] : []);
    var width = Math.max.apply(null, lines.map(function (text) { return pen.measureText(text).width; })) + 6;
    var high = height * lines.length;
    // Where the middle is taken, below and above it.
    [0, 1, -1].some(function (step) {
      var y = p.y + step * (high / 2 + 15), box = [p.x - width / 2, y - high / 2, p.x + width / 2, y + high / 2];
      if (!free(box)) { return false; }
      taken.push(box);
      lines.forEach(function (text, i) { halo(text, p.x, y - high / 2 + height * (i + 0.5), colour); });
      return true;
    });
  }
  var zoom = map.getZoom() - KC.fitted;
  KC.labels.districts.forEach(function (place) {
    var wide = place[4] / (40075016 * Math.cos(place[0] * Math.PI / 180) / 256 / Math.pow(2, map.getZoom()));
    if (wide > 34) { name(place, "600 12.5px", "#2b2b2b"); }
  });
  KC.labels.places.forEach(function (place) {
    if (place[4] <= zoom + 1) { name(place, place[4] < 0 ? "600 13.5px" : "500 11.5px", "#3d3a55"); }
  });
  pen.lineWidth = 2.6;
  KC.labels.roads.forEach(function (road) {
    var p = map.latLngToContainerPoint([road[0], road[1]]), q = map.latLngToContainerPoint([road[2], road[3]]);
    if (p.x > q.x) { var swap = p; p = q; q = swap; }
    pen.font = "500 10.5px " + family;
    var width = pen.measureText(road[4]).width + 8, long = p.distanceTo(q);
    if (long < width || road[5] > zoom + 1) { return; }
    var x = (p.x + q.x) / 2, y = (p.y + q.y) / 2, angle = Math.atan2(q.y - p.y, q.x - p.x);
    var across = Math.abs(Math.cos(angle)) * width / 2 + 6, up = Math.abs(Math.sin(angle)) * width / 2 + 6;
    var box = [x - across, y - up, x + across, y + up];
    if (!free(box)) { return; }
    taken.push(box);
    pen.save();
    pen.translate(x, y);
    pen.rotate(angle);
    halo(road[4], 0, 0, "#4a4a4a");
    pen.restore();
  });
}

// A name of the data may be a whole page long.
function kcShort(text) { return text.length > 40 ? text.slice(0, 39) + "\u2026" : text; }
