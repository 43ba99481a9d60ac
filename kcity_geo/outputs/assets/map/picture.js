// Save what the map shows as a picture, with title, legend, scale and sources.

// What the panes of the map show, from below to above, without the marks that stand over it.
function kcPaintMap(map, pen, frame) {
  var other = KC.swiped && kcTheme(KC.swiped);
  function oneSide(pane, from, to) {
    pen.save();
    pen.beginPath();
    pen.rect(from, 0, to - from, frame.height);
    pen.clip();
    pen.globalAlpha = KC.strength;
    map.getPane(pane).querySelectorAll("img, canvas").forEach(function (image) {
      var box = image.getBoundingClientRect();
      if (!box.width) { return; }
      pen.imageSmoothingEnabled = false;
      pen.drawImage(image, box.left - frame.left, box.top - frame.top, box.width, box.height);
    });
    pen.restore();
  }
  function canvases(pane) {
    map.getPane(pane).querySelectorAll("canvas").forEach(function (one) {
      var box = one.getBoundingClientRect();
      if (one.width && one.height) { pen.drawImage(one, box.left - frame.left, box.top - frame.top, box.width, box.height); }
    });
  }
  var line = document.querySelector(".kc-swipe"), part = line ? parseFloat(line.style.left) : frame.width;
  canvases("kc_land");
  oneSide("kc_raster", 0, part);
  if (other) {
    oneSide("kc_swipe", part, frame.width);
    pen.fillStyle = "#1c1c1c";
    pen.fillRect(part - 1, 0, 2, frame.height);
  }
  ["kc_lines", "overlayPane", "kc_names"].forEach(canvases);
}

function kcSavePicture(map) {
  var frame = map.getContainer().getBoundingClientRect(), ratio = Math.min(2, window.devicePixelRatio > 1 ? 2 : 1.5);
  var theme = kcTheme(KC.theme), other = KC.swiped && kcTheme(KC.swiped), side = 300, head = 46, foot = 40;
  var canvas = kcElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = (frame.width + side) * ratio;
  canvas.height = (Math.max(frame.height, 420) + head + foot) * ratio;
  pen.scale(ratio, ratio);
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  var family = getComputedStyle(document.body).fontFamily;
  function write(text, x, y, font, width, colour) {
    pen.font = font + " " + family;
    pen.fillStyle = colour || "#1c1c1c";
    var line = "", step = parseFloat(font.split("px")[0].split(" ").pop()) * 1.35;
    kcBare(text).split(" ").forEach(function (word) {
      if (line && pen.measureText(line + " " + word).width > width) { pen.fillText(line, x, y); y += step; line = word; }
      else { line = line ? line + " " + word : word; }
    });
    pen.fillText(line, x, y);
    return y + step;
  }
  pen.textBaseline = "alphabetic";
  write(KC.title, 14, 29, "600 19px", 1e6);
  pen.save();
  pen.beginPath();
  pen.rect(0, head, frame.width, frame.height);
  pen.clip();
  pen.translate(0, head);
  pen.fillStyle = "#f6f5f1";
  pen.fillRect(0, 0, frame.width, frame.height);
  kcPaintMap(map, pen, frame);
  document.querySelectorAll(".kc-rank").forEach(function (mark) {
    var box = mark.getBoundingClientRect(), x = box.left - frame.left + 12, y = box.top - frame.top + 12;
    pen.beginPath();
    pen.arc(x, y, 12, 0, 7);
    pen.fillStyle = "#c2185b";
    pen.fill();
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.stroke();
    pen.textAlign = "center";
    write(mark.textContent, x, y + 4.5, "700 13px", 99, "#ffffff");
    pen.textAlign = "start";
  });
  var scale = document.querySelector(".leaflet-control-scale-line"), wide = scale.getBoundingClientRect().width;
  pen.fillStyle = "rgba(255,255,255,0.85)";
  pen.fillRect(12, frame.height - 36, wide + 16, 26);
  pen.fillStyle = "#1c1c1c";
  pen.fillRect(20, frame.height - 18, wide, 2);
  write(scale.textContent, 20, frame.height - 23, "500 11px", 1e6);
  pen.restore();
  var x = frame.width + 16, y = head + 18;
  (other ? [theme, other] : [theme]).forEach(function (one) {
    y = write(one.title, x, y, "600 14px", side - 32);
    y = write(one.question, x, y, "400 12px", side - 32, "#444444") + 4;
    one.rows.forEach(function (row) {
      pen.fillStyle = "#f6f5f1";
      pen.fillRect(x, y - 11, 20, 14);
      pen.globalAlpha = KC.alpha * KC.strength;
      pen.fillStyle = row.colour;
      pen.fillRect(x, y - 11, 20, 14);
      pen.globalAlpha = 1;
      pen.strokeStyle = "#777777";
      pen.lineWidth = 1;
      pen.strokeRect(x, y - 11, 20, 14);
      if (row.striped) {
        pen.beginPath();
        [2, 8, 14].forEach(function (d) { pen.moveTo(x + d, y + 3); pen.lineTo(x + d + 6, y - 11); });
        pen.stroke();
      }
      y = write(row.words + (row.share ? "  " + row.share : ""), x + 28, y, "400 12px", side - 60) + 2;
    });
    if (one.of) { y = write(kcSay("share_of_" + one.of), x, y, "400 11px", side - 32, "#555555"); }
    if (one.note) { y = write(one.note, x, y, "400 11px", side - 32, "#555555"); }
    y += 12;
  });
  write(KC.caveat + " " + kcSay("sources", { sources: KC.credits }), 14, head + Math.max(frame.height, 420) + 16,
    "400 10.5px", frame.width + side - 28, "#444444");
  canvas.toBlob(function (blob) {
    var link = kcElement("a");
    link.download = KC.file + "-" + KC.theme + ".png";
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 5000);
  }, "image/png");
}
