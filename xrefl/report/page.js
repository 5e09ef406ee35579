// Draws figures: those that are seen first, the others when the browser has time.
(() => {
  const places = [...document.querySelectorAll("div.bk")]
  const coarse = matchMedia("(pointer: coarse)").matches
  const draw = async (place) => {
    if (place.dataset.state) return
    place.dataset.state = "drawing"
    const data = document.getElementById(place.id.replace("figure", "data"))
    await Bokeh.embed.embed_item(JSON.parse(data.textContent), place.id)
    if (coarse)  // drags scroll the page where there is no mouse, until a tool is chosen
      for (const root of Bokeh.documents[Bokeh.documents.length - 1].roots())
        for (const tool of root.toolbar.tools)
          if (tool.type === "BoxZoomTool" || tool.type === "PanTool") tool.active = false
    place.dataset.state = "drawn"
  }
  const later = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 50))
  const rest = async () => {
    const next = places.find((place) => !place.dataset.state)
    if (next === undefined) return
    await draw(next)
    later(rest)
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target)
  }, {rootMargin: "200px"})
  for (const place of places) seen.observe(place)
  addEventListener("beforeprint", () => places.forEach(draw))
  addEventListener("load", () => later(rest))
})()
