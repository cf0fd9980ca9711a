// A situation's chart, drawn when it is opened: values with bounds, usual range and edges. The curve above it says the same in words.
(function () {
  var held = document.getElementById("data");
  if (!held || !window.uPlot) return;
  var charts = JSON.parse(held.textContent).charts, text = document.getElementById("maps").dataset, open = [];
  function ink(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }
  function edges(data) {
    return function (u) {
      data.edges.forEach(function (edge) {
        var y = u.valToPos(edge[1], "y", true), box = u.bbox, c = u.ctx;
        if (y < box.top || y > box.top + box.height) return;
        c.save();
        c.strokeStyle = ink(edge[0]); c.lineWidth = 3 * devicePixelRatio; c.setLineDash([8, 5]);
        c.beginPath(); c.moveTo(box.left, y); c.lineTo(box.left + box.width, y); c.stroke();
        c.textAlign = "left"; c.textBaseline = "alphabetic"; c.fillStyle = ink("ink"); c.font = 12 * devicePixelRatio + "px system-ui, sans-serif";
        c.fillText(edge[2] + " " + edge[1], box.left + 6 * devicePixelRatio, y - 5 * devicePixelRatio);
        c.restore();
      });
    };
  }
  function reach(data) {
    return function (u, low, high) {
      var most = Math.max(high || 0, data.edges.length ? data.edges[0][1] : 0);
      data.edges.forEach(function (e) { if (e[1] <= 1.4 * most) most = Math.max(most, e[1]); });
      return [Math.min(0, low || 0), most * 1.08 || 1];
    };
  }
  function draw(box) {
    var data = charts[box.getAttribute("data-chart")], faint = ink("faint"), soft = ink("soft");
    if (!data) return;
    box.textContent = "";
    var axis = { stroke: ink("ink"), grid: { stroke: faint, width: 0.5 }, ticks: { stroke: faint, width: 0.5 } };
    function said(u, v) { return v == null ? "–" : String(v) + " " + data.unit; }
    var clock = new Intl.DateTimeFormat("nl-NL", { hour: "2-digit", minute: "2-digit", timeZone: data.zone });
    function time(t) { return t == null ? "–" : clock.format(new Date(t * 1000)); }
    var plot = new uPlot({
      width: Math.max(280, box.clientWidth), height: 240, ms: 1e-3, cursor: { y: false },
      scales: { x: { time: true }, y: { range: reach(data) } },
      axes: [Object.assign({ values: function (u, ts) { return ts.map(time); }, space: 60 }, axis), Object.assign({ size: 56 }, axis)],
      bands: [{ series: [2, 1], fill: ink("usual") }, { series: [4, 3], fill: ink("hatch-ink") }],
      series: [
        { label: text.time, value: function (u, t) { return time(t); } },
        { label: text.usual + " ↓", stroke: soft, width: 1, value: said, points: { show: false } },
        { label: text.usual + " ↑", stroke: soft, width: 1, value: said, points: { show: false } },
        { label: text.bounds + " ↓", stroke: soft, width: 1, value: said, points: { show: false } },
        { label: text.bounds + " ↑", stroke: soft, width: 1, value: said, points: { show: false } },
        { label: data.title, stroke: ink("ink"), width: 2.5, value: said, points: { show: true, size: 4, fill: ink("ink") } }
      ],
      hooks: { draw: [edges(data)] }
    }, [data.t, data.u0, data.u1, data.lo, data.hi, data.v], box);
    plot.root.querySelector("canvas").setAttribute("role", "img");
    plot.root.querySelector("canvas").setAttribute("aria-label", box.getAttribute("data-said"));
  }
  document.querySelectorAll("details.chart").forEach(function (fold) {
    var box = fold.querySelector("[data-chart]");
    if (!charts[box.getAttribute("data-chart")]) { fold.hidden = true; return; }
    fold.hidden = false;
    fold.addEventListener("toggle", function () {
      if (fold.open) { draw(box); if (open.indexOf(box) < 0) open.push(box); }
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { open.forEach(draw); });
  var wait;
  addEventListener("resize", function () { clearTimeout(wait); wait = setTimeout(function () { open.forEach(draw); }, 200); });
})();
