// Refreshing: a page that nobody touches loads itself anew each minute; behind a server it asks first whether there is something new,
// so that a server that is away never takes the last board from the wall.
(function () {
  var root = document.body, hold = document.getElementById("hold"), box = document.getElementById("page-age");
  var news = document.getElementById("news"), live = root.hasAttribute("data-live"), touched = 0, mark = null;
  var every = Number(root.getAttribute("data-every")) * 1000;
  if (!every) return;
  function keep(name, value) { try { sessionStorage.setItem(name, value); } catch (e) { return; } }
  function kept(name) { try { return sessionStorage.getItem(name); } catch (e) { return null; } }
  var folds = [].slice.call(document.querySelectorAll("details[id]"));
  (kept("folds") || "").split(" ").forEach(function (id) { var f = id && document.getElementById(id); if (f) f.open = true; });
  hold.closest("label").hidden = false;
  hold.checked = kept("hold") === "1";
  hold.addEventListener("change", function () { keep("hold", hold.checked ? "1" : "0"); });
  ["keydown", "pointerdown", "wheel", "touchstart"].forEach(function (kind) {
    addEventListener(kind, function () { touched = Date.now(); }, { passive: true });
  });
  function again() {
    if (hold.checked || document.hidden || Date.now() - touched < 60000) return;
    keep("folds", folds.filter(function (f) { return f.open; }).map(function (f) { return f.id; }).join(" "));
    location.reload();
  }
  function ask() {
    fetch(location.pathname + location.search, { method: "HEAD", cache: "no-store" }).then(function (answer) {
      if (!answer.ok) throw new Error(answer.status);
      var now = answer.headers.get("ETag");
      news.hidden = true;
      if (mark === null) mark = now;
      if (mark !== now) again();
    }).catch(function () {
      news.textContent = news.getAttribute("data-away");
      news.hidden = false;
    });
  }
  if (live) { ask(); setInterval(ask, every); return; }
  if (Date.now() - Date.parse(box.getAttribute("data-at")) < 864e5 || root.hasAttribute("data-played")) setInterval(again, every);
})();
