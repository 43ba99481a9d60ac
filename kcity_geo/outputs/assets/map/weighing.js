// Weighing: scores, ranks and robustness of the sites for other weights and limits, as the package computes them.
// No drawing here. A state is { weights: shares that add to 1, limits: places in the steps of each limit }.

// Random numbers of NumPy's PCG64 from its state, to the last bit: both draw the same weights.
function kcRandom(start) {
  var mask = (1n << 128n) - 1n, state = BigInt(start.state), step = BigInt(start.inc);
  return function () {
    state = (state * 47026247687942121848144207491837523525n + step) & mask;
    var mixed = ((state >> 64n) ^ state) & 0xffffffffffffffffn, turn = state >> 122n;
    mixed = ((mixed >> turn) | (mixed << ((64n - turn) & 63n))) & 0xffffffffffffffffn;
    return Number(mixed >> 11n) / 9007199254740992;
  };
}

// The score that nine tenths of the cells reach, between two cells as NumPy takes it.
function kcLowDecile(scores) {
  if (!scores.length) { return NaN; }
  scores.sort();
  var place = 0.1 * (scores.length - 1), low = Math.floor(place), part = place - low;
  var a = scores[low], b = scores[Math.min(low + 1, scores.length - 1)];
  return part >= 0.5 ? b - (b - a) * (1 - part) : a + (b - a) * part;
}

function kcWeighing(data, packs) {
  var count = data.criteria.length, areas = data.areas, drawn = {};
  var starts = [0];
  areas.forEach(function (area) { starts.push(starts[starts.length - 1] + area.cells); });

  function shares(weights) {
    var sum = weights.reduce(function (a, b) { return a + b; }, 0);
    return weights.map(function (w) { return w / sum; });
  }

  function isClosed(cell, places) {
    for (var l = 0; l < places.length; l++) {
      var code = packs.limitSites[l][cell];
      if (data.limits[l].atLeast ? code <= places[l] : code > places[l]) { return true; }
    }
    return false;
  }

  // Score of one cell of a site; NaN where too little of the weight is known.
  function cellScore(cell, w) {
    var mass = 0, total = 0;
    for (var k = 0; k < count; k++) {
      var value = packs.values[cell * count + k];
      if (value === value) { mass += w[k]; total += value * w[k]; }
    }
    return mass > 0 && mass >= data.knownMin - 1e-9 ? Math.min(1, Math.max(0, total / mass)) : NaN;
  }

  // Means of one area; those shipped as long as it loses no cell.
  function meansOf(s, open) {
    var means = [], known = [];
    for (var k = 0; k < count; k++) {
      if (open.length === areas[s].cells) {
        means.push(packs.means[s * count + k]);
        known.push(packs.known[s * count + k]);
        continue;
      }
      var sum = 0, n = 0;
      for (var i = 0; i < open.length; i++) {
        var value = packs.values[open[i] * count + k];
        if (value === value) { sum += value; n += 1; }
      }
      means.push(n ? sum / n : NaN);
      known.push(open.length ? n / open.length : 0);
    }
    return { means: means, known: known };
  }

  // What is not known of a site takes the mean of what is, as in the package.
  function filled(own, w) {
    var known = own.means.map(function (mean, k) {
      return w[k] > 0 && mean === mean && own.known[k] >= data.knownCellsMin;
    });
    if (!known.some(Boolean)) { known = own.means.map(function (mean, k) { return w[k] > 0 && mean === mean; }); }
    var mass = 0, total = 0;
    known.forEach(function (yes, k) { if (yes) { mass += w[k]; total += w[k] * own.means[k]; } });
    return own.means.map(function (mean, k) { return known[k] ? mean : total / mass; });
  }

  function rounded(value) { return Math.round(value * 1e12); }

  // Every area with its score and rank under a state, best first.
  function rank(state) {
    var w = shares(state.weights);
    var rows = areas.map(function (area, s) {
      var open = [], scores = [];
      for (var cell = starts[s]; cell < starts[s + 1]; cell++) {
        if (!isClosed(cell, state.limits)) { open.push(cell); }
      }
      open.forEach(function (one) {
        var value = cellScore(one, w);
        if (value === value) { scores.push(value); }
      });
      var closed = 1 - open.length / area.cells, table = filled(meansOf(s, open), w), mean = 0;
      for (var k = 0; k < count; k++) { if (w[k] > 0) { mean += table[k] * w[k]; } }
      var low = kcLowDecile(new Float64Array(scores)), rest = area.low * low + area.fixed;
      return { at: s, closed: closed, mean: mean, low: low, score: area.mean * mean + rest, rest: rest, table: table,
        fits: area.fits && open.length > 0 && area.ha * (1 - closed) >= data.leastHa };
    });
    var order = rows.slice().sort(function (a, b) {
      if (a.fits !== b.fits) { return a.fits ? -1 : 1; }
      var x = rounded(a.score), y = rounded(b.score);
      if (x !== y && (x === x || y === y)) { return x !== x ? 1 : y !== y ? -1 : y - x; }
      return areas[a.at].order - areas[b.at].order;
    });
    order.forEach(function (row, i) { row.rank = row.fits ? i + 1 : null; });
    return order;
  }

  // Factors of the weights in each draw; the same for all states with as many weights above 0.
  function factors(k) {
    if (!drawn[k]) {
      var next = kcRandom(data.random);
      drawn[k] = new Float64Array(data.draws * k);
      for (var i = 0; i < drawn[k].length; i++) { drawn[k][i] = 1 + (-data.spread + 2 * data.spread * next()); }
    }
    return drawn[k];
  }

  // In how many draws each is first, and the smallest change of weights that lets another draw level with the first.
  function robustness(state, order) {
    var w = shares(state.weights), used = [], able = order.filter(function (row) { return row.fits; });
    w.forEach(function (v, k) { if (v > 0) { used.push(k); } });
    able.sort(function (a, b) { return a.at - b.at; });
    var worth = able.map(function (row) {
      return used.map(function (k) { return areas[row.at].mean * row.table[k] + row.rest; });
    });
    var all = factors(used.length), first = able.map(function () { return 0; });
    for (var d = 0; able.length && d < data.draws; d++) {
      var best = -Infinity, at = 0, sum = 0, k;
      for (k = 0; k < used.length; k++) { sum += w[used[k]] * all[d * used.length + k]; }
      for (var s = 0; s < able.length; s++) {
        var total = 0;
        for (k = 0; k < used.length; k++) { total += w[used[k]] * all[d * used.length + k] / sum * worth[s][k]; }
        if (total > best) { best = total; at = s; }
      }
      first[at] += 1;
    }
    able.forEach(function (row, s) { row.first = first[s] / data.draws; });
    var leader = able.findIndex(function (row) { return row.rank === 1; }), nearest = null;
    able.forEach(function (row, s) {
      if (s === leader) { return; }
      var change = kcFlip(worth[leader], worth[s], used.map(function (k) { return w[k]; }));
      if (!nearest || change < nearest.change) { nearest = { change: change, row: row }; }
    });
    return { leader: able[leader] || null, rival: nearest && isFinite(nearest.change) ? nearest : null };
  }

  return { rank: rank, robustness: robustness, factors: factors };
}

// Smallest sum of changes of the weights with which a rival draws level: from where it gains least to where most.
function kcFlip(leader, rival, w) {
  var gain = rival.map(function (value, k) { return value - leader[k]; });
  var behind = -gain.reduce(function (sum, g, k) { return sum + g * w[k]; }, 0);
  if (behind <= 0) { return 0; }
  var best = Math.max.apply(null, gain), moved = 0;
  var order = gain.map(function (_, k) { return k; }).sort(function (a, b) { return gain[a] - gain[b] || a - b; });
  for (var i = 0; i < order.length && best - gain[order[i]] > 0; i++) {
    var unit = best - gain[order[i]], mass = Math.min(w[order[i]], behind / unit);
    moved += mass;
    behind -= mass * unit;
    if (behind <= 1e-12) { return 2 * moved; }
  }
  return Infinity;
}

// Colours of the cells for a state: a class each, from utilities in steps of 1/254. Gives the number of open cells of
// which too little is known for a score.
function kcCellClasses(data, packs, state, classes) {
  var sum = state.weights.reduce(function (a, b) { return a + b; }, 0), cells = packs.land.length;
  var count = state.weights.length, codes = packs.utilities, table = new Float32Array(256 * count);
  var share = state.weights.map(function (w) { return w / sum; });
  for (var k = 0; k < count; k++) {
    for (var v = 0; v < 255; v++) { table[256 * k + v] = share[k] * v / 254; }
  }
  var breaks = data.breaks, classCount = breaks.length, excluded = classCount + 1, outside = 255;
  var least = data.knownMin - 1e-6, land = packs.land, blank = 0;
  // First what is outside or closed, limit by limit; then the scores of the rest.
  for (var i = 0; i < cells; i++) { classes[i] = land[i] === 0 ? outside : land[i] === 1 ? excluded : 0; }
  data.limits.forEach(function (limit, l) {
    var place = state.limits[l], steps = packs.limitCells[l], low = limit.atLeast;
    for (var c = 0; c < cells; c++) {
      if (land[c] === 2 && (low ? steps[c] <= place : steps[c] > place)) { classes[c] = excluded; }
    }
  });
  for (i = 0; i < cells; i++) {
    if (classes[i] !== 0) { continue; }
    var total = 0, known = 1, at = i * count;
    for (k = 0; k < count; k++) {
      var one = codes[at + k];
      if (one === 255) { known -= share[k]; } else { total += table[(k << 8) + one]; }
    }
    if (!(known > 1e-9) || known < least) { classes[i] = outside; blank += 1; continue; }
    var score = total / known, own = 0;
    while (own < classCount && score >= breaks[own]) { own += 1; }
    classes[i] = own;
  }
  return blank;
}
