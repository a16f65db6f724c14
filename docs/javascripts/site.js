/* What the theme leaves undone: the search understands a checker's message, and every
   part of a page can be reached and named without a mouse. */

(() => {
  "use strict"

  // The search looks for all words of its input. A pasted message has a path, a line
  // number and the reader's own names in it, so it is replaced by the title of its entry
  // on the page Mistakes. The input of the search is not changed.
  let kinds = []
  const base = new URL("..", document.currentScript.src)
  fetch(new URL("mistakes.json", base))
    .then(response => response.json())
    .then(content => {
      kinds = content.kinds.map(({ title, patterns }) => (
        { title, pattern: new RegExp(patterns.join("|")) }
      ))
    })

  const entryOf = escaped => {
    // The theme escapes what is typed.
    const input = new DOMParser().parseFromString(escaped, "text/html").body.textContent
    if (input.trim().split(/\s+/).length < 3) return escaped
    const kind = kinds.find(({ pattern }) => pattern.test(input))
    return kind ? kind.title : escaped
  }

  const postMessage = Worker.prototype.postMessage
  Worker.prototype.postMessage = function (message, ...rest) {
    const input = message?.data?.input
    if (typeof input === "string") {
      message = { ...message, data: { ...message.data, input: entryOf(input) } }
    }
    return postMessage.call(this, message, ...rest)
  }

  // axe-core's rules landmark-unique, scrollable-region-focusable, empty-table-header.
  const SCROLLS = ".md-typeset__scrollwrap, pre > code, p:has(> img)"
  const mend = () => {
    for (const nav of document.querySelectorAll(".md-code__nav, .md-nav--secondary .md-nav")) {
      nav.setAttribute("role", "none")
      nav.removeAttribute("aria-label")
      nav.removeAttribute("aria-labelledby")
    }
    for (const region of document.querySelectorAll(SCROLLS)) {
      const scrolls = region.scrollWidth > region.clientWidth
      scrolls ? region.setAttribute("tabindex", "0") : region.removeAttribute("tabindex")
    }
  }
  const headers = () => {
    for (const header of document.querySelectorAll("article th:empty")) {
      header.replaceWith(document.createElement("td"))
    }
  }
  new MutationObserver(mend).observe(document, { childList: true, subtree: true })
  addEventListener("DOMContentLoaded", () => {
    headers()
    // Whenever the layout changes: a style sheet comes late, a window or a section opens.
    new ResizeObserver(mend).observe(document.body)
  })
  addEventListener("load", mend)
})()
