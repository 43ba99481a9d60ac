// The story of a study in five steps; each is a state of this page with one sentence.

function kcStory(map) {
  var bar = null, at = -1, folded = false;  // folded: the legend made room
  function here() { return bar.querySelector("[data-step='" + at + "']"); }
  function go(number) {
    at = Math.min(KC.story.length - 1, Math.max(0, number));
    var step = KC.story[at], frame = map.getContainer();
    KC.card.close();
    kcWrite(bar.querySelector(".kc-sentence"), step.sentence);
    // Cards stand above the bar.
    frame.style.setProperty("--kc-bar", bar.offsetHeight + "px");
    if (KC.swiped) { KC.swipe(); }
    KC.show(step.theme);
    KC.overlays.forEach(function (overlay) {
      var layer = kcLayer(overlay.layer), wanted = step.on.indexOf(overlay.key) >= 0;
      if (overlay.group === "background" || wanted === map.hasLayer(layer)) { return; }
      if (wanted) { map.addLayer(layer); } else { map.removeLayer(layer); }
    });
    if (step.bounds) { map.fitBounds(step.bounds, { padding: [60, 60], maxZoom: 14, animate: false }); } else { KC.home(); }
    var site = KC.sites.filter(function (s) { return s.label === step.site; })[0];
    if (site) { KC.pickSite(site); }
    bar.querySelectorAll("[data-step]").forEach(function (button, i) {
      button.setAttribute("aria-current", i === at ? "step" : "false");
    });
    bar.querySelector(".kc-back").disabled = at === 0;
    bar.querySelector(".kc-next").disabled = at === KC.story.length - 1;
    if (document.activeElement === document.body) { here().focus(); }  // the button went away under the finger
    var legend = document.querySelector(".kc-legend");
    if (legend.open && kcOverlap(bar, legend)) { legend.open = false; folded = true; }
    map.fire("kc:state");
  }
  function stop() {
    if (!bar) { return; }
    bar.remove();
    map.getContainer().classList.remove("kc-telling");
    bar = null;
    at = -1;
    KC.card.close();
    if (folded) { document.querySelector(".kc-legend").open = true; }
    folded = false;
    KC.tool("story", false);
    map.fire("kc:state");
  }
  KC.step = function () { return at; };
  KC.tell = function (number) {
    if (bar && number === undefined) { stop(); return; }
    if (!bar) {
      bar = kcElement("section", "kc-box kc-story");
      bar.setAttribute("aria-label", kcSay("story"));
      var steps = kcElement("div", "kc-steps");
      KC.story.forEach(function (step, i) {
        var button = kcButton("", (i + 1) + " " + step.title, function () { go(i); });
        button.dataset.step = String(i);
        steps.appendChild(button);
      });
      var close = kcButton("kc-close", "\u00d7", stop);
      close.title = kcSay("close");
      close.setAttribute("aria-label", kcSay("close"));
      var words = kcElement("p", "kc-sentence");
      words.dir = "auto";
      words.setAttribute("aria-live", "polite");
      var ways = kcElement("div", "kc-ways");
      ways.appendChild(kcButton("kc-back", kcSay("back"), function () { go(at - 1); }));
      ways.appendChild(kcButton("kc-next", kcSay("next"), function () { go(at + 1); }));
      [close, steps, words, ways].forEach(function (part) { bar.appendChild(part); });
      bar.addEventListener("keydown", function (e) {
        var step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
        if (step) {
          go(at + step);
          if (e.target.dataset.step) { here().focus(); }  // the ring goes with the step
          e.preventDefault();
          e.stopPropagation();
        }
        if (e.key === "Escape") { stop(); e.stopPropagation(); }
      });
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.disableScrollPropagation(bar);
      map.getContainer().appendChild(bar);
      map.getContainer().classList.add("kc-telling");
      KC.tool("story", true);
      KC.card.element().classList.add("kc-quiet");
    }
    go(number || 0);
    here().focus();
  };
}

kcParts.push(kcStory);
