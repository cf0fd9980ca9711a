// Tells how old the page is. Without it the moment of publication stands there in words.
(function () {
  var box = document.getElementById("page-age"), at = Date.parse(box.getAttribute("data-at"));
  function span(m) {
    var h = Math.floor(m / 60), d = Math.floor(h / 24);
    return h >= 48 ? box.getAttribute("data-days").replace("{d}", d).replace("{h}", h % 24)
      : h ? box.getAttribute("data-hours").replace("{h}", h).replace("{m}", m % 60)
      : box.getAttribute("data-minutes").replace("{m}", m);
  }
  function tell() {
    var m = Math.max(0, Math.floor((Date.now() - at) / 60000)), stale = m >= Number(box.getAttribute("data-stale"));
    box.textContent = box.getAttribute(stale ? "data-late" : "data-fresh").replace("{d}", span(m));
    document.documentElement.classList.toggle("stale", stale);
  }
  if (document.body.hasAttribute("data-played")) return;
  tell();
  setInterval(tell, 15000);
})();
