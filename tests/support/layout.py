"""Faults of layout that a browser can see: scripts that give a list of them, empty where there is none."""

from __future__ import annotations

__all__ = ["FAULTS", "MAP_FAULTS", "PALE_OR_CUT"]

#: Text with a contrast below 4.5:1, and text that is cut off.
PALE_OR_CUT = """(() => {
  function parse(text) { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; }
  function light(c) { const v = c.slice(0, 3).map(x => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; }
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('script, style') || element.disabled) { continue; }
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) { continue; }
    let back = [255, 255, 255, 1];
    for (let up = element; up; up = up.parentElement) {
      const c = parse(getComputedStyle(up).backgroundColor); if (c[3] > 0.7) { back = c; break; } }
    const paint = element.ownerSVGElement ? getComputedStyle(element).fill : getComputedStyle(element).color;
    const a = light(parse(paint)), b = light(back);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) { bad.push([element.className || element.tagName, element.textContent.slice(0, 40), ratio.toFixed(2)]); }
    const style = getComputedStyle(element);
    if (element.scrollWidth > element.clientWidth + 2 && style.overflowX !== 'visible' && style.overflowX !== 'auto') {
      bad.push(['cut', element.className, element.textContent.slice(0, 40)]); }
  }
  return bad; })()"""

#: The same, and a page wider than the screen, pictures without a text or wider than their place, words torn apart, text over text.
FAULTS = (
    """(() => {
  const bad = """
    + PALE_OR_CUT
    + """;
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 1) { bad.push(['page is too wide by', wide]); }
  for (const image of document.querySelectorAll('img, svg[role=img], [role=img]')) {
    if (!image.checkVisibility()) { continue; }
    const words = image.tagName === 'IMG' ? image.getAttribute('alt') : image.getAttribute('aria-label');
    if (!words || !words.trim()) { bad.push(['no text for', image.outerHTML.slice(0, 60)]); }
    const scrolls = [...(function* () { for (let up = image.parentElement; up; up = up.parentElement) { yield up; } })()]
      .some(up => getComputedStyle(up).overflowX === 'auto');
    if (!scrolls && !image.closest('.leaflet-pane') && image.getBoundingClientRect().right > document.documentElement.clientWidth + 1) {
      bad.push(['picture leaves the page', image.outerHTML.slice(0, 60)]); }
  }
  // Who cannot see must be told what the keyboard reaches; the map itself is told by the section around it.
  for (const one of document.querySelectorAll('[tabindex="0"]')) {
    if (!one.matches('a, button, input, select, textarea, summary, .leaflet-container') && !one.getAttribute('role')) {
      bad.push(['no role for', one.outerHTML.slice(0, 60)]); }
  }
  // Letters of a drawing shrink with it: 7 points are 9.3 dots of a page.
  for (const one of document.querySelectorAll('svg text')) {
    if (!one.checkVisibility() || !one.getScreenCTM()) { continue; }
    const drawn = one.getScreenCTM(), size = parseFloat(getComputedStyle(one).fontSize) * Math.hypot(drawn.a, drawn.b);
    if (size < 9.3) { bad.push(['letters too small', one.textContent.slice(0, 20), size.toFixed(1)]); }
  }
  // Words of study files and of commands, a second way to write percent, digits that nobody reads.
  const said = document.body.innerText;
  const korean = document.documentElement.lang === 'ko';
  for (const wrong of [/\\b(?:sources|official)\\.[a-z]\\w+/, /\\[report\\]/, korean ? /\\d[ \\u00a0]%/ : /\\d%/, /\\d\\.\\d{8,}/]) {
    const found = said.match(wrong);
    if (found) { bad.push(['not for readers', said.slice(Math.max(0, found.index - 30), found.index + 30)]); }
  }
  // What a box that scrolls hides is not seen; a text below another opaque box is not printed over.
  const clips = new Map(), grounds = new Map();
  function clip(element) {
    if (!element) { return [-1e6, -1e6, 1e6, 1e6]; }
    if (!clips.has(element)) {
      let box = clip(element.parentElement);
      if (getComputedStyle(element).overflow !== 'visible' && element !== document.body && element !== document.documentElement) {
        const r = element.getBoundingClientRect();
        box = [Math.max(box[0], r.left), Math.max(box[1], r.top), Math.min(box[2], r.right), Math.min(box[3], r.bottom)]; }
      clips.set(element, box); }
    return clips.get(element);
  }
  function ground(element) {
    if (!element) { return null; }
    if (!grounds.has(element)) {
      grounds.set(element, parse(getComputedStyle(element).backgroundColor)[3] > 0.7 ? element : ground(element.parentElement)); }
    return grounds.get(element);
  }
  function parse(text) { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; }
  const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode() && texts.length < 6000) {
    const node = walk.currentNode, holder = node.parentElement;
    if (!node.textContent.trim() || !holder.checkVisibility() || holder.closest('script, style, svg')) { continue; }
    const range = document.createRange();
    range.selectNodeContents(node);
    const c = clip(holder);
    for (const q of range.getClientRects()) {
      const r = { left: Math.max(q.left, c[0]), top: Math.max(q.top, c[1]), right: Math.min(q.right, c[2]), bottom: Math.min(q.bottom, c[3]) };
      if (r.right - r.left > 4 && r.bottom - r.top > 4) { texts.push([r, node]); } }
  }
  for (const [, node] of texts) {
    if (!node.parentElement.closest('td, th, h1, h2, h3, li, button, label')) { continue; }
    for (const word of node.textContent.matchAll(/(?<![\\w/._-])[A-Za-zÀ-ž]{3,22}(?![\\w/._-])/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const rows = [...range.getClientRects()].map(r => r.top);
      if (Math.max(...rows) - Math.min(...rows) > 6) { bad.push(['torn', word[0]]); }
    }
  }
  texts.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < texts.length; i++) {
    const [r, node] = texts[i];
    for (let k = i + 1; k < texts.length && texts[k][0].top < r.bottom - 5; k++) {
      const [s, other] = texts[k];
      if (other !== node && ground(node.parentElement) === ground(other.parentElement) && s.left < r.right - 3 && r.left < s.right - 3) {
        bad.push(['printed over each other', node.textContent.trim().slice(0, 30), other.textContent.trim().slice(0, 30)]); }
    }
  }
  return bad.slice(0, 20); })()"""
)

#: The same of each state of a map: every theme, step of the story, card, and the swipe; boxes over each other, a legend over the city.
MAP_FAULTS = (
    """(async () => {
  const found = {}, rest = () => new Promise((done) => setTimeout(done, 20));
  const box = (name) => { const one = document.querySelector(name); return one && one.checkVisibility() ? one.getBoundingClientRect() : null; };
  function over(a, b) { return a && b && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom; }
  function look(name) {
    const bad = """
    + FAULTS
    + """;
    const boxes = ['.kc-legend', '.kc-story', '.kc-pinned', '.leaflet-control-layers', '.kc-choice'];
    boxes.forEach((one, i) => boxes.slice(i + 1).forEach((other) => {
      if (over(box(one), box(other))) { bad.push([one, 'over', other]); } }));
    const marks = [...document.querySelectorAll('.kc-rank')].map((one) => one.getBoundingClientRect());
    marks.forEach((a, i) => marks.slice(i + 1).forEach((b) => {
      if (Math.hypot(a.left - b.left, a.top - b.top) < 20) { bad.push('numbers of sites on each other'); } }));
    if (bad.length) { found[name] = bad; }
  }
  function city() {
    const map = KC.map, frame = map.getContainer().getBoundingClientRect(), b = L.latLngBounds(KC.bounds);
    const p = map.latLngToContainerPoint(b.getNorthWest()), q = map.latLngToContainerPoint(b.getSouthEast());
    return { left: p.x + frame.left, top: p.y + frame.top, right: q.x + frame.left, bottom: q.y + frame.top };
  }
  for (const theme of KC.themes) {
    KC.show(theme.key);
    KC.home();
    await rest();
    look(theme.key);
    if (over(box('.kc-legend'), city())) { (found[theme.key] = found[theme.key] || []).push('legend over the city'); }
  }
  for (let i = 0; i < KC.story.length; i++) {
    if (i) { document.querySelector('.kc-next').click(); } else { KC.tell(0); }
    await rest();
    look('step ' + (i + 1));
  }
  KC.tell();
  if (KC.sites.length) { KC.goSite(KC.sites[0]); await rest(); look('card of a site'); }
  KC.goDistrict(0);
  await rest();
  look('card of a district');
  KC.card.close();
  KC.home();
  KC.swipe(KC.themes[1].key);
  await rest();
  look('swipe');
  KC.swipe();
  return found; })()"""
)
