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
  if (text !== undefined) { element.textContent = text; }
  return element;
}

async function kcInflate(text) {
  var stream = new Blob([kcBytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function kcNumber(value) {
  if (value >= 1000) { value = Math.round(value / 10) * 10; }
  if (value < 10 && value > 0) { return value < 1 ? "under 1" : String(Math.round(value)); }
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

function kcOverlap(a, b) {
  var p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
  return p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom;
}
