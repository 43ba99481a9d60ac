// The page's own part of the map. Reads its data from the JSON block #kc-data; text from the data
// reaches the page as text only, never as HTML.
"use strict";
var KC = null;

// What starts with the map, in order: each file adds its own part, a function that takes the map.
var kcParts = [];

function kcLoad() {
  KC = JSON.parse(document.getElementById("kc-data").textContent);
}

function kcBytes(text) {
  var raw = atob(text), bytes = new Uint8Array(raw.length);
  for (var i = 0; i < raw.length; i++) { bytes[i] = raw.charCodeAt(i); }
  return bytes;
}

function kcElement(tag, className, text) {
  var element = document.createElement(tag);
  if (className) { element.className = className; }
  if (text !== undefined) { kcWrite(element, text); }
  return element;
}

// An element that knows the ids of its numbers in ledger.json, and shows them under the pointer.
function kcNumbered(element, ids) {
  if (!ids || !ids.length) { return element; }
  element.dataset.id = [].concat(ids).join(" ");
  element.title = "ledger.json: " + element.dataset.id;
  return element;
}

// Words of the analysis that the language of the page has none for stand between two marks.
function kcWrite(element, text) {
  element.textContent = "";
  kcUnbroken(text).split(/\ue002([^\ue003]*)\ue003/).forEach(function (part, i) {
    if (i % 2) { element.appendChild(kcOriginal(part)); } else { element.appendChild(document.createTextNode(part)); }
  });
}

// No line ends between a number and its unit.
var kcJoin = null;
function kcUnbroken(text) {
  kcJoin = kcJoin || new RegExp("(\\d) (?=" + KC.joined + ")", "g");
  return String(text).replace(kcJoin, "$1\u00a0");
}

function kcOriginal(text) {
  var words = document.createElement("span");
  words.className = "original";
  words.lang = "en";
  words.textContent = text;
  return words;
}

function kcBare(text) { return text.replace(/[\ue002\ue003]/g, ""); }

async function kcInflate(text) {
  var stream = new Blob([kcBytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function kcNumber(value) {
  if (value >= 1000) { value = Math.round(value / 10) * 10; }
  if (value < 10 && value > 0) { return value < 1 ? kcSay("under_one") : String(Math.round(value)); }
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

function kcOverlap(a, b) {
  var p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
  return p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom;
}

// A text of the page in its language; {name} is filled in.
function kcSay(key, values) {
  return KC.texts[key].replace(/\{(\w+)\}/g, function (mark, name) {
    return values && name in values ? String(values[name]) : mark;
  });
}

function kcButton(className, words, click) {
  var button = kcElement("button", className, words);
  button.type = "button";
  // What a click takes away must not let it fall through to the map below.
  button.addEventListener("click", function (e) { e.stopPropagation(); click(); });
  return button;
}

// Drawn by lines, so that no sign of a font of the machine is needed.
function kcIcon(path) {
  var space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  var line = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.appendChild(line);
  return svg;
}

// Degrees as a person writes them down and as a form takes them.
function kcPlaceText(latlng) { return latlng.lat.toFixed(5) + ", " + latlng.lng.toFixed(5); }

function kcCopy(text, button) {
  function done() {
    var words = button.textContent;
    button.textContent = kcSay("copied");
    setTimeout(function () { button.textContent = words; }, 1500);
  }
  function byHand() {
    var field = kcElement("textarea");
    field.value = text;
    document.body.appendChild(field);
    field.select();
    var copied = document.execCommand("copy");
    field.remove();
    if (copied) { done(); }
  }
  if (navigator.clipboard && window.isSecureContext) {
    navigator.clipboard.writeText(text).then(done, byHand);
  } else { byHand(); }
}

// A box over the page that takes the keyboard until it is closed.
function kcDialog(title) {
  var box = kcElement("dialog", "kc-dialog"), head = kcElement("h2", "", title);
  head.dir = "auto";
  // Gone at once: what is typed next is meant for the page.
  function shut() { box.close(); box.remove(); }
  var close = kcButton("kc-close", "\u00d7", shut);
  close.title = kcSay("close");
  close.setAttribute("aria-label", kcSay("close"));
  box.appendChild(close);
  box.appendChild(head);
  box.addEventListener("cancel", shut);
  box.addEventListener("close", function () { box.remove(); });
  document.body.appendChild(box);
  box.showModal();
  return box;
}

function kcTable(heads, rows) {
  var table = kcElement("table"), line = kcElement("tr");
  heads.forEach(function (words) {
    var cell = kcElement("th", "", words);
    cell.scope = "col";
    line.appendChild(cell);
  });
  table.appendChild(line);
  rows.forEach(function (row) {
    var one = kcElement("tr");
    row.forEach(function (words, i) {
      var cell = kcElement(i ? "td" : "th", "", words);
      cell.dir = "auto";
      if (!i) { cell.scope = "row"; }
      one.appendChild(cell);
    });
    table.appendChild(one);
  });
  return table;
}

function kcLayer(name) { return window[name]; }
