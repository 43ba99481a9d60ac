// Sites: the card of a site, and the list beside the map.

function kcFillSite(box, site, close) {
  box.textContent = "";
  var button = kcElement("button", "kc-close", "\u00d7");
  button.type = "button";
  button.title = "Close";
  button.addEventListener("click", close);
  box.appendChild(button);
  var head = kcElement("b", "", site.title);
  head.dir = "auto";
  box.appendChild(head);
  box.appendChild(kcElement("p", "", site.area + (site.score ? ", " + site.score + " of 100" : "")));
  [["For it", site.reasons], ["Against it", site.concerns],
   ["How sure is its rank", site.stability ? [site.stability] : []]].forEach(function (part) {
    if (!part[1].length) { return; }
    box.appendChild(kcElement("h3", "", part[0]));
    var list = kcElement("ul");
    part[1].forEach(function (text) {
      var item = kcElement("li", "", text);
      item.dir = "auto";
      list.appendChild(item);
    });
    box.appendChild(list);
  });
  if (site.facts.length) { box.appendChild(kcElement("h3", "", "Facts")); }
  var table = kcElement("table");
  site.facts.forEach(function (fact) {
    var line = kcElement("tr");
    line.appendChild(kcElement("th", "", fact[0]));
    line.appendChild(kcElement("td", "kc-num", fact[1]));
    table.appendChild(line);
  });
  box.appendChild(table);
}

function kcSites(map) {
  document.querySelectorAll(".kc-sites li").forEach(function (item) {
    var site = KC.sites.filter(function (s) { return s.label === item.dataset.label; })[0];
    function go() {
      map.setView([site.lat, site.lon], Math.max(map.getZoom(), 14), { animate: false });
      KC.pick(site);
    }
    item.addEventListener("click", go);
    item.addEventListener("keydown", function (e) { if (e.key === "Enter") { go(); } });
  });
}

kcParts.push(kcSites);
