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

// Put the number that is `place`-th of the first `count` in order there, those below it before, those above behind.
function kcSelect(values, count, place) {
  var left = 0, right = count - 1;
  while (left < right) {
    var pivot = values[(left + right) >> 1], i = left, j = right;
    while (i <= j) {
      while (values[i] < pivot) { i++; }
      while (values[j] > pivot) { j--; }
      if (i <= j) { var held = values[i]; values[i] = values[j]; values[j] = held; i++; j--; }
    }
    if (place <= j) { right = j; } else if (place >= i) { left = i; } else { return; }
  }
}

// The score that nine tenths of the cells reach, between two cells as NumPy takes it; moves the scores about.
function kcLowDecile(scores, count) {
  if (!count) { return NaN; }
  var place = 0.1 * (count - 1), low = Math.floor(place), part = place - low;
  kcSelect(scores, count, low);
  var a = scores[low], b = low + 1 < count ? Infinity : a;
  for (var i = low + 1; i < count; i++) { if (scores[i] < b) { b = scores[i]; } }
  return part >= 0.5 ? b - (b - a) * (1 - part) : a + (b - a) * part;
}

function kcHasGaps(values) {
  for (var i = 0; i < values.length; i++) { if (values[i] !== values[i]) { return true; } }
  return false;
}

// packs.values: one array of all cells of all areas for each criterion.
function kcWeighing(data, packs) {
  var count = data.criteria.length, areas = data.areas, drawn = {}, planes = packs.values;
  var starts = [0], gaps = planes.map(kcHasGaps), kept = { key: null, areas: [] };
  areas.forEach(function (area) { starts.push(starts[starts.length - 1] + area.cells); });
  var most = areas.reduce(function (n, area) { return Math.max(n, area.cells); }, 0);
  var totals = new Float64Array(most), masses = new Float64Array(most);

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

  // Scores of the open cells of a site into `totals`; gives how many have one: too little may be known.
  function cellScores(open, w) {
    var n = open.length, whole = 0, some = false, i, k, known = 0;
    totals.fill(0, 0, n);
    for (k = 0; k < count; k++) { if (w[k] > 0) { some = some || gaps[k]; whole += w[k]; } }
    if (some) { masses.fill(0, 0, n); }
    for (k = 0; k < count; k++) {
      var share = w[k], values = planes[k];
      if (!(share > 0)) { continue; }
      if (!some) {
        for (i = 0; i < n; i++) { totals[i] += values[open[i]] * share; }
        continue;
      }
      for (i = 0; i < n; i++) {
        var value = values[open[i]];
        if (value === value) { masses[i] += share; totals[i] += value * share; }
      }
    }
    for (i = 0; i < n; i++) {
      var mass = some ? masses[i] : whole;
      if (mass > 0 && mass >= data.knownMin - 1e-9) { totals[known++] = Math.min(1, Math.max(0, totals[i] / mass)); }
    }
    return known;
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
        var value = planes[k][open[i]];
        if (value === value) { sum += value; n += 1; }
      }
      means.push(n ? sum / n : NaN);
      known.push(open.length ? n / open.length : 0);
    }
    return { means: means, known: known };
  }

  // Open cells and means of the areas: they follow from the limits alone, and are kept while these stay.
  function ground(places) {
    var key = places.join();
    if (kept.key === key) { return kept.areas; }
    kept = { key: key, areas: areas.map(function (area, s) {
      var open = [];
      for (var cell = starts[s]; cell < starts[s + 1]; cell++) { if (!isClosed(cell, places)) { open.push(cell); } }
      var holes = planes.some(function (values, k) { return gaps[k] && open.some(function (cell) { return values[cell] !== values[cell]; }); });
      return { open: Int32Array.from(open), own: meansOf(s, open), gaps: holes };
    }) };
    return kept.areas;
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
    var w = shares(state.weights), grounds = ground(state.limits);
    var rows = areas.map(function (area, s) {
      var open = grounds[s].open, table = filled(grounds[s].own, w), mean = 0;
      var closed = 1 - open.length / area.cells, low = kcLowDecile(totals, cellScores(open, w));
      for (var k = 0; k < count; k++) { if (w[k] > 0) { mean += table[k] * w[k]; } }
      var rest = area.low * low + area.fixed;
      return { at: s, closed: closed, mean: mean, low: low, score: area.mean * mean + rest,
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

  // Score of an area under weights that are not those of the state: its weakest tenth is taken anew.
  function scoreOf(s, own, w, least) {
    var table = filled(own.own, w), mean = 0, area = areas[s], high = own.gaps ? 1 : Math.min(1, least.low + least.half);
    for (var k = 0; k < count; k++) { if (w[k] > 0) { mean += table[k] * w[k]; } }
    var sure = area.mean * mean + area.fixed;
    // What cannot come first needs no cells: they make the weakest tenth no better than that.
    if (sure + area.low * high < least.score - 1e-12) { return -Infinity; }
    return area.low > 0 ? sure + area.low * kcLowDecile(totals, cellScores(own.open, w)) : sure;
  }

  // In how many draws each is first; and a change of weights that lets another draw level with the first, as far as
  // the scores go straight on from here.
  function robustness(state, order) {
    var w = shares(state.weights), used = [], able = order.filter(function (row) { return row.fits; });
    var grounds = ground(state.limits), none = { score: -Infinity, low: 0, half: 1 };
    w.forEach(function (v, k) { if (v > 0) { used.push(k); } });
    able.forEach(function (row) { row.first = 0; });
    var all = factors(used.length), size = used.length, drawn = new Array(count).fill(0);
    for (var d = 0; able.length && d < data.draws; d++) {
      var best = { score: -Infinity, row: able[0] }, sum = 0, half = 0;
      used.forEach(function (k, i) { sum += w[k] * all[d * size + i]; });
      used.forEach(function (k, i) {
        drawn[k] = w[k] * all[d * size + i] / sum;
        half += Math.abs(drawn[k] - w[k]) / 2;
      });
      able.forEach(function (row) {
        var own = scoreOf(row.at, grounds[row.at], drawn, { score: best.score, low: row.low, half: half });
        if (own > best.score || own === best.score && row.at < best.row.at) { best = { score: own, row: row }; }
      });
      best.row.first += 1 / data.draws;
    }
    var leader = able.length && able[0].rank === 1 ? able[0] : null, nearest = null, step = 1e-4;
    function straight(row) {
      return used.map(function (k) {
        var near = w.map(function (v, j) { return (1 - step) * v + (j === k ? step : 0); });
        return row.score + (scoreOf(row.at, grounds[row.at], near, none) - row.score) / step;
      });
    }
    var own = used.map(function (k) { return w[k]; }), ahead = leader ? straight(leader) : [];
    able.forEach(function (row) {
      if (row === leader) { return; }
      var change = kcFlip(ahead, straight(row), own);
      if (!nearest || change < nearest.change) { nearest = { change: change, row: row }; }
    });
    return { leader: leader, rival: nearest && isFinite(nearest.change) ? nearest : null };
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
