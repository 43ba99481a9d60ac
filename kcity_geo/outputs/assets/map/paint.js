// Cells drawn as a picture: which cell each pixel shows, and the picture of a colour for each cell.

// Pixel by pixel of the picture of a theme; -1 outside. Each row is a polynomial of one variable.
function kcPixels() {
  if (KC.pixels) { return KC.pixels; }
  var h = KC.hover, p = KC.picture, degree = 0;
  var corner = L.CRS.EPSG3857.project(L.latLng(p.bounds[1][0], p.bounds[0][1]));
  var other = L.CRS.EPSG3857.project(L.latLng(p.bounds[0][0], p.bounds[1][1]));
  var stepX = (other.x - corner.x) / p.width, stepY = (corner.y - other.y) / p.height;
  var cells = new Int32Array(p.width * p.height).fill(-1);
  h.powers.forEach(function (power) { degree = Math.max(degree, power[0]); });
  for (var y = 0; y < p.height; y++) {
    var v = (corner.y - (y + 0.5) * stepY - h.centre[1]) / h.half[1];
    var columns = new Float64Array(degree + 1), rows = new Float64Array(degree + 1);
    for (var k = 0; k < h.powers.length; k++) {
      var term = Math.pow(v, h.powers[k][1]);
      columns[h.powers[k][0]] += h.column[k] * term;
      rows[h.powers[k][0]] += h.row[k] * term;
    }
    for (var x = 0; x < p.width; x++) {
      var u = (corner.x + (x + 0.5) * stepX - h.centre[0]) / h.half[0];
      var column = 0, row = 0;
      for (var i = degree; i >= 0; i--) { column = column * u + columns[i]; row = row * u + rows[i]; }
      column = Math.floor(column); row = Math.floor(row);
      if (column >= 0 && row >= 0 && column < h.columns && row < h.rows) {
        cells[y * p.width + x] = row * h.columns + column;
      }
    }
  }
  KC.pixels = cells;
  return cells;
}

// colours: one 32-bit colour (alpha, blue, green, red) for each cell. Gives the address of the picture.
function kcPicture(colours) {
  var p = KC.picture, cells = kcPixels(), canvas = kcElement("canvas"), whole = kcElement("canvas");
  canvas.width = whole.width = p.width;
  canvas.height = whole.height = p.height;
  var pen = whole.getContext("2d"), data = pen.createImageData(p.width, p.height);
  var seen = new Uint32Array(data.data.buffer);
  for (var i = 0; i < cells.length; i++) { seen[i] = cells[i] < 0 ? 0 : colours[cells[i]]; }
  pen.putImageData(data, 0, 0);
  var corner = L.CRS.EPSG3857.project(L.latLng(p.bounds[1][0], p.bounds[0][1]));
  var other = L.CRS.EPSG3857.project(L.latLng(p.bounds[0][0], p.bounds[1][1]));
  pen = canvas.getContext("2d");
  pen.beginPath();
  kcLines("outline").forEach(function (ring) {
    ring.forEach(function (place, j) {
      var at = L.CRS.EPSG3857.project(L.latLng(place[0], place[1]));
      var x = (at.x - corner.x) / (other.x - corner.x) * p.width;
      var y = (corner.y - at.y) / (corner.y - other.y) * p.height;
      if (j) { pen.lineTo(x, y); } else { pen.moveTo(x, y); }
    });
    pen.closePath();
  });
  pen.clip("evenodd");
  pen.drawImage(whole, 0, 0);
  return canvas.toDataURL("image/png");
}

function kcColour(text, alpha) {
  var n = parseInt(text.slice(1), 16);
  return ((Math.round(255 * alpha) << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
}

// A theme that is painted in the page when it is first asked for, from the numbers under the pointer.
function kcPainted(key) {
  var blank = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
  var layer = L.imageOverlay(blank, KC.picture.bounds, { pane: "kc_raster", interactive: false });
  layer.kcAddress = function () { return layer._url; };
  layer.on("add", function () {
    if (layer._url === blank) { kcPaint(key).then(function (address) { layer.setUrl(address); }); }
  });
  return layer;
}

function kcPaint(key) {
  return KC.numbers.then(function (arrays) {
    var theme = kcTheme(key), paint = theme.paint, codes = arrays[paint.bytes], lived = arrays[paint.lived];
    var known = paint.classes.map(function (code) {
      return code < 0 ? 0 : kcColour(paint.colours[code], KC.alpha);
    });
    var nobody = kcColour(paint.nobody, KC.alpha), colours = new Uint32Array(codes.length);
    for (var i = 0; i < codes.length; i++) {
      colours[i] = lived[i] === 255 ? 0 : lived[i] === paint.empty ? nobody : known[codes[i]];
    }
    return kcPicture(colours);
  });
}
