// The map: the places of the page's data, without tiles. The list beside it holds the same in words.
(function () {
  var held = document.getElementById("data");
  if (!held || !window.L) return;
  var maps = JSON.parse(held.textContent).maps, calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  function words(text, to) {
    var box = document.createElement("div");
    box.appendChild(document.createTextNode(text));
    if (to && document.getElementById(to)) {
      var link = document.createElement("a");
      link.href = "#" + to;
      link.textContent = document.getElementById("maps").getAttribute("data-more");
      box.appendChild(document.createElement("br"));
      box.appendChild(link);
    }
    return box;
  }
  function pin(place) {
    var text = document.createElement("b");
    text.setAttribute("data-mark", place.m); // drawn by the style sheet: the mark's name says it in words
    return L.divIcon({ className: "pin " + place.l.split(" ")[0], html: text, iconSize: [32, 21] });
  }
  function draw(id) {
    var frame = document.getElementById("map-" + id), places = maps[id];
    if (!frame || !places.length) return;
    var pane = document.createElement("div");
    pane.className = "live-map";
    pane.setAttribute("role", "group");
    pane.setAttribute("aria-label", frame.getAttribute("aria-label"));
    frame.appendChild(pane);
    frame.classList.add("drawn");
    var map = L.map(pane, { attributionControl: false, zoomControl: false, zoomSnap: 0.25, zoomDelta: 0.5, maxZoom: 21,
      scrollWheelZoom: false, dragging: !L.Browser.mobile, zoomAnimation: !calm, fadeAnimation: !calm, markerZoomAnimation: !calm });
    var all = L.latLngBounds([]), marks = [];
    var shapes = places.map(function (place) {
      var shape = L.geoJSON(place.g, {
        pointToLayer: function (_, at) { return L.circleMarker(at, { radius: 9 }); },
        style: function (f) { return { className: (/Line/.test(f.geometry ? f.geometry.type : f.type) ? "way " : "area ") + place.l }; }
      });
      all.extend(shape.getBounds());
      return shape;
    });
    var kept = null;
    try { kept = JSON.parse(sessionStorage.getItem("map " + id)); } catch (e) { kept = null; }
    if (kept) map.setView(kept.at, kept.zoom, { animate: false });
    else map.fitBounds(all.pad(0.06), { animate: false });
    shapes.slice().reverse().forEach(function (shape) { // the worst is added last and lies on top
      var place = places[shapes.indexOf(shape)];
      shape.addTo(map).bindTooltip(words(place.s), { sticky: true }).bindPopup(words(place.s, place.to), { closeButton: false });
      shape.eachLayer(function (part) { part.getElement().setAttribute("tabindex", "-1"); }); // the keyboard goes along the marks
    });
    places.forEach(function (place, rank) {
      if (!place.m) return;
      var mark = L.marker(shapes[rank].getBounds().getCenter(), { icon: pin(place), keyboard: rank < 40, zIndexOffset: 1000 - rank }).addTo(map);
      marks.push(mark);
      mark.bindTooltip(words(place.s)).bindPopup(words(place.s, place.to), { closeButton: false });
      var node = mark.getElement();
      node.setAttribute("aria-label", place.s);
      if (rank >= 40) node.setAttribute("role", "img");
    });
    // A mark that would lie over a worse one waits until there is room: colour, hatching and the list still tell its level.
    function room() {
      var taken = [];
      marks.forEach(function (mark) {
        var at = map.latLngToLayerPoint(mark.getLatLng());
        var free = taken.every(function (p) { return Math.abs(p.x - at.x) > 33 || Math.abs(p.y - at.y) > 22; });
        if (free) taken.push(at);
        mark.getElement().classList.toggle("crowded", !free);
      });
    }
    room();
    map.on("zoomend", room);
    map.on("moveend", function () {
      try { sessionStorage.setItem("map " + id, JSON.stringify({ at: map.getCenter(), zoom: map.getZoom() })); } catch (e) { return; }
    });
  }
  Object.keys(maps).forEach(draw);
})();
