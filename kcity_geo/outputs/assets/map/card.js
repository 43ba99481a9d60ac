// The card: numbers under the pointer, or of a place that was chosen, until it is closed.

function kcCard(map) {
  var control = L.control({ position: "bottomleft" }), box = null;
  var made = false, from = null;  // made: the legend was folded to make room
  var card = { pinned: "", latlng: null };
  control.onAdd = function () {
    if (!box) {
      box = kcElement("div", "kc-box kc-hover kc-quiet");
      box.setAttribute("aria-live", "polite");
      box.tabIndex = -1;
    }
    return box;
  };
  control.addTo(map);
  card.hint = function (text) {
    box.textContent = "";
    box.appendChild(kcElement("p", "", text));
    box.classList.remove("kc-quiet");
  };
  setTimeout(function () { if (!box.querySelector("b")) { box.classList.add("kc-quiet"); } }, 5000);
  // No column is kept free for the box: it goes where the pointer is not.
  card.place = function (point) {
    var size = map.getSize(), below = point.y > size.y / 2 && point.x < 280;
    var where = below ? "topleft" : "bottomleft";
    if (control.getPosition() !== where) { control.setPosition(where); }
    box.classList.remove("kc-quiet");
  };
  card.close = function () {
    if (!card.pinned) { return; }
    card.pinned = "";
    box.classList.remove("kc-pinned");
    box.classList.add("kc-quiet");
    if (made) { document.querySelector(".kc-legend").open = true; }
    made = false;
    map.fire("kc:card");
    if (from && from.isConnected) { from.focus(); }
    from = null;
  };
  // Whether the box is whole, and over nothing else that stands at the left.
  function whole(rect, frame) {
    return rect.top >= frame.top && rect.bottom <= frame.bottom &&
      ![".kc-where", ".leaflet-control-scale"].some(function (name) {
        var other = document.querySelector(name);
        return other && kcOverlap(box, other);
      });
  }
  // The first corner in which the box is whole and leaves the place itself in sight.
  function beside(latlng) {
    var frame = map.getContainer().getBoundingClientRect(), p = map.latLngToContainerPoint(latlng);
    var x = p.x + frame.left, y = p.y + frame.top;
    var free = ["bottomleft", "topleft", "topright"].some(function (corner) {
      control.setPosition(corner);
      var rect = box.getBoundingClientRect();
      return whole(rect, frame) &&
        (x < rect.left - 14 || x > rect.right + 14 || y < rect.top - 14 || y > rect.bottom + 14);
    });
    if (free) { return; }
    // The map gives way: to the right, on a phone, where the box is as wide as the map, downwards.
    control.setPosition("bottomleft");
    var at = box.getBoundingClientRect();
    if (frame.right - at.right > 150) {
      map.panBy([x - at.right - 50, 0], { animate: false });
    } else {
      control.setPosition("topright");
      map.panBy([0, y - box.getBoundingClientRect().bottom - 34], { animate: false });
    }
  }
  // key: what the card is of, as the address of the page has it; fill: writes the card.
  card.open = function (key, latlng, title, fill) {
    var again = document.activeElement;
    from = again && again !== document.body && !box.contains(again) ? again : from;
    card.pinned = key;
    card.latlng = L.latLng(latlng);
    box.textContent = "";
    var close = kcButton("kc-close", "\u00d7", card.close);
    close.title = kcSay("close");
    close.setAttribute("aria-label", kcSay("close"));
    box.appendChild(close);
    var head = kcElement("b", "", title);
    head.dir = "auto";
    box.appendChild(head);
    var line = kcElement("p", "kc-at"), copy = kcButton("kc-copy-place", kcSay("copy"), function () {
      kcCopy(kcPlaceText(card.latlng), copy);
    });
    line.appendChild(kcElement("span", "", kcPlaceText(card.latlng)));
    line.appendChild(copy);
    box.appendChild(line);
    fill(box);
    box.classList.remove("kc-quiet");
    box.classList.add("kc-pinned");
    box.scrollTop = 0;
    beside(latlng);
    room();
    map.fire("kc:card");
  };
  // The legend gives way; another theme may make it taller while the card is open.
  function room() {
    var legend = document.querySelector(".kc-legend");
    if (card.pinned && legend.open && kcOverlap(box, legend)) { legend.open = false; made = true; }
  }
  map.on("kc:theme kc:legend kc:swipe", function () { setTimeout(room, 0); });
  card.element = function () { return box; };
  map.on("click", card.close);
  L.DomEvent.on(document, "keydown", function (e) {
    if (e.key === "Escape" && card.pinned && !document.querySelector("dialog[open]")) { card.close(); }
  });
  L.DomEvent.disableClickPropagation(box);
  L.DomEvent.disableScrollPropagation(box);
  KC.card = card;
}

// A heading with a list below it; nothing where there is nothing to tell.
function kcList(box, title, texts) {
  if (!texts.length) { return; }
  box.appendChild(kcElement("h3", "", title));
  var list = kcElement("ul");
  texts.forEach(function (text) {
    var item = kcElement("li", "", text);
    item.dir = "auto";
    list.appendChild(item);
  });
  box.appendChild(list);
}

// Where a number can be looked up: ids of ledger.json, folded away.
function kcLedger(box, ids) {
  if (!ids.length) { return; }
  var part = kcElement("details", "kc-ids");
  part.appendChild(kcElement("summary", "", kcSay("ledger")));
  var copy = kcButton("kc-link kc-copy-ids", kcSay("copy"), function () { kcCopy(ids.join("\n"), copy); });
  part.appendChild(copy);
  part.appendChild(kcElement("p", "", ids.join(", ")));
  box.appendChild(part);
}

kcParts.push(kcCard);
