// Classes of the cells under other weights and limits, from utilities in steps of 1/254. Kept between two answers are the
// sums of the weighed utilities, up to a common factor: a slider that moves changes one term of them.

// Cells that no limit but those of the sliders can close, and for each criterion their codes; 255 is not known.
function kcOpenCells(data, packs) {
  var land = packs.land, at = [], touched, i;
  for (i = 0; i < land.length; i++) { if (land[i] === 2) { at.push(i); } }
  at = Int32Array.from(at);
  touched = new Uint8Array(at.length);
  var planes = [], gaps = [];
  packs.utilities.forEach(function (codes) {
    var plane = new Uint8Array(at.length), missing = [];
    for (i = 0; i < at.length; i++) {
      var code = codes[at[i]];
      if (code === 255) { missing.push(i); touched[i] = 1; } else { plane[i] = code; }
    }
    planes.push(plane);
    gaps.push(Int32Array.from(missing));
  });
  var some = [];
  for (i = 0; i < touched.length; i++) { if (touched[i]) { some.push(i); } }
  return { at: at, planes: planes, gaps: gaps, some: Int32Array.from(some) };
}

// The factor by which most weights changed: what moved with it has the same part in a score as before.
function kcCommonFactor(before, now) {
  var best = 0, most = 0;
  before.forEach(function (b, k) {
    var factor = b > 0 ? now[k] / b : 0;
    if (!(factor > 0)) { return; }
    var alike = before.filter(function (v, i) { return Math.abs(now[i] - factor * v) <= 1e-12; }).length;
    if (alike > most) { most = alike; best = factor; }
  });
  return best;
}

function kcCellClasses(data, packs) {
  var open = kcOpenCells(data, packs), count = open.at.length, breaks = data.breaks, none = breaks.length + 1;
  var sums = new Float64Array(count), lost = new Float64Array(count), classes = new Uint8Array(count);
  var base = data.criteria.map(function () { return 0; }), turns = 0, shut = new Uint8Array(count), shutBy = null;

  function add(k, weight) {
    var plane = open.planes[k], gaps = open.gaps[k], i;
    for (i = 0; i < count; i++) { sums[i] += weight * plane[i]; }
    for (i = 0; i < gaps.length; i++) { lost[gaps[i]] += weight; }
  }

  // Sums for these weights, up to a factor. Now and then they are made anew, so that no rounding adds up.
  function weigh(weights) {
    var factor = turns++ % 100 ? kcCommonFactor(base, weights) : 0;
    if (factor < 1e-3 || factor > 1e3) {
      sums.fill(0);
      lost.fill(0);
      base.fill(0);
      factor = 1;
      turns = 1;
    }
    weights.forEach(function (w, k) {
      var wanted = w / factor;
      if (Math.abs(wanted - base[k]) <= 1e-12 && wanted > 0 === base[k] > 0) { return; }
      add(k, wanted - base[k]);
      base[k] = wanted;
    });
  }

  function close(places) {
    var key = places.join();
    if (key === shutBy) { return; }
    shutBy = key;
    shut.fill(0);
    data.limits.forEach(function (limit, l) {
      var place = places[l], steps = packs.limitCells[l], low = limit.atLeast;
      for (var i = 0; i < count; i++) {
        var step = steps[open.at[i]];
        if (low ? step <= place : step > place) { shut[i] = 1; }
      }
    });
  }

  // Classes for a state; gives the number of open cells of which too little is known for a score.
  function classify(state) {
    weigh(state.weights);
    close(state.limits);
    var whole = base.reduce(function (a, b) { return a + b; }, 0), blank = 0, i, j, c;
    var t = [0, 1, 2, 3].map(function (n) { return n < breaks.length ? 254 * whole * breaks[n] : Infinity; });
    var a = t[0], b = t[1], d = t[2], e = t[3];
    for (i = 0; i < count; i++) {
      var sum = sums[i];
      classes[i] = shut[i] ? none : (sum >= a ? 1 : 0) + (sum >= b ? 1 : 0) + (sum >= d ? 1 : 0) + (sum >= e ? 1 : 0);
    }
    for (j = 0; j < open.some.length; j++) {
      i = open.some[j];
      if (shut[i]) { continue; }
      var known = whole - lost[i];
      if (!(known > 1e-9 * whole) || known < (data.knownMin - 1e-6) * whole) { classes[i] = 255; blank += 1; continue; }
      for (c = 0; c < breaks.length && sums[i] >= 254 * known * breaks[c]; c++) { }
      classes[i] = c;
    }
    return blank;
  }

  // A class for each cell of the grid: 255 outside.
  function whole() {
    var found = new Uint8Array(packs.land.length), i;
    for (i = 0; i < found.length; i++) { found[i] = packs.land[i] === 1 ? none : 255; }
    for (i = 0; i < count; i++) { found[open.at[i]] = classes[i]; }
    return found;
  }
  return { at: open.at, classes: classes, classify: classify, whole: whole, none: none };
}
