// The legend of the theme that is shown.

function kcLegend(map) {
  var control = L.control({ position: "bottomright" }), box = null;
  control.onAdd = function () {
    box = kcElement("details", "kc-box kc-legend");
    box.open = true;
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    return box;
  };
  control.addTo(map);
  function show(number) {
    box.textContent = "";
    var legend = KC.legends[number];
    box.style.display = legend ? "" : "none";
    if (!legend) { return; }
    box.appendChild(kcElement("summary", "", legend.title));
    box.appendChild(kcElement("p", "", legend.question));
    legend.rows.forEach(function (row) {
      var line = kcElement("div", "kc-key"), chip = kcElement("i", row.striped ? "kc-hatch" : "");
      chip.style.backgroundColor = row.colour;
      line.appendChild(chip);
      line.appendChild(kcElement("span", "", row.words));
      box.appendChild(line);
    });
    if (legend.note) { box.appendChild(kcElement("p", "", legend.note)); }
  }
  var shown = 0;
  show(shown);
  map.on("baselayerchange", function (event) {
    shown = KC.names.indexOf(event.name);
    show(shown);
  });
  // Width and height of the legend, or of the largest of all: the map stays when the theme changes.
  KC.legendSize = function (all) {
    var numbers = all ? KC.legends.map(function (_, i) { return i; }) : [shown];
    var most = numbers.reduce(function (size, number) {
      show(number);
      var rect = box.getBoundingClientRect();
      return [Math.max(size[0], rect.width), Math.max(size[1], rect.height)];
    }, [0, 0]);
    show(shown);
    return most;
  };
}

kcParts.push(kcLegend);
