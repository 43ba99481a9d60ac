"""Faults of layout that a browser can see: scripts that give a list of them, empty where there is none."""

from __future__ import annotations

__all__ = ["FAULTS", "PALE_OR_CUT"]

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
    if (!scrolls && image.getBoundingClientRect().right > document.documentElement.clientWidth + 1) {
      bad.push(['picture leaves the page', image.outerHTML.slice(0, 60)]); }
  }
  const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode() && texts.length < 6000) {
    const node = walk.currentNode, holder = node.parentElement;
    if (!node.textContent.trim() || !holder.checkVisibility() || holder.closest('script, style, svg')) { continue; }
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) { if (r.width > 4 && r.height > 4) { texts.push([r, node]); } }
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
      if (other !== node && s.left < r.right - 3 && r.left < s.right - 3) {
        bad.push(['printed over each other', node.textContent.trim().slice(0, 30), other.textContent.trim().slice(0, 30)]); }
    }
  }
  return bad.slice(0, 20); })()"""
)
