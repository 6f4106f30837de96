// Everything that can be seen in a page: marked elements, cells of tables, words. Boxes are CSS pixels of the page.
() => {
  const still = document.createElement('style');
  still.textContent = '*,*::before,*::after{animation:none!important;transition:none!important;caret-color:transparent!important}';
  document.head.appendChild(still);
  const box = (rects) => {
    const seen = [...rects].filter((r) => r.width > 0 && r.height > 0);
    if (!seen.length) return null;
    const x = window.scrollX, y = window.scrollY;
    return [Math.min(...seen.map((r) => r.left)) + x, Math.min(...seen.map((r) => r.top)) + y,
            Math.max(...seen.map((r) => r.right)) + x, Math.max(...seen.map((r) => r.bottom)) + y];
  };
  const hidden = (element) => {
    const style = getComputedStyle(element);
    return style.visibility === 'hidden' || style.opacity === '0';
  };
  // A word that goes on behind its hyphen in the next line, such as a date, would have a box over both lines.
  const broken = [], pieces = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (pieces.nextNode())
    for (const match of pieces.currentNode.data.matchAll(/[^ \t\r\n]+-[^ \t\r\n]+/g)) {
      const range = document.createRange();
      range.setStart(pieces.currentNode, match.index);
      range.setEnd(pieces.currentNode, match.index + match[0].length);
      const lines = new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top)));
      if (lines.size > 1) broken.push(range);
    }
  for (const range of broken.reverse()) {  // the last of a text first: places before it stay what they are
    const whole = document.createElement('span');
    whole.style.whiteSpace = 'nowrap';
    range.surroundContents(whole);
  }
  const FRAMED = new Set(['cell', 'header', 'bar', 'node', 'area']);
  const marks = [], words = [], clipped = [];
  const datumOf = (element) => { try { return JSON.parse(element.dataset.datum || '{}'); } catch { return {}; } };
  for (const element of document.querySelectorAll('[data-mark]:not([data-mark="paragraph"])')) {
    const inside = document.createRange();
    inside.selectNodeContents(element);
    // A cell, a bar are their frame; a title, a value are their letters.
    const framed = FRAMED.has(element.dataset.mark) || !element.innerText.trim();
    const found = box(framed ? [element.getBoundingClientRect()] : inside.getClientRects());
    if (found && !hidden(element))
      marks.push({role: element.dataset.mark, datum: datumOf(element), text: element.innerText.trim(), box: found});
  }
  for (const [number, table] of document.querySelectorAll('table').entries())
    for (const [row, line] of [...table.rows].entries())
      for (const [column, cell] of [...line.cells].entries()) {
        if (cell.dataset.mark || cell.querySelector('[data-mark]')) continue;
        const found = box([cell.getBoundingClientRect()]);
        if (found && cell.innerText.trim())
          marks.push({role: cell.tagName === 'TH' ? 'header' : 'cell', datum: {table: number, line: row, place: column},
                      text: cell.innerText.trim(), box: found});
      }
  const counted = new Map();  // words of each marked element so far
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, parent = node.parentElement;
    if (['STYLE', 'SCRIPT', 'TEMPLATE', 'NOSCRIPT', 'TITLE'].includes(parent.tagName) || hidden(parent)) continue;
    for (const match of node.data.matchAll(/[^ \t\r\n]+/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const found = box(range.getClientRects());
      if (!found) continue;
      const of = parent.closest('[data-mark]');
      if (!of || of.dataset.mark === 'paragraph') {  // the words of other marks are in their text
        const count = counted.get(of) ?? 0;
        counted.set(of, count + 1);
        words.push({role: 'word', datum: of ? {...datumOf(of), word: count} : {}, text: match[0], box: found});
      }
      for (let outer = parent; outer && outer !== document.body; outer = outer.parentElement) {
        if (getComputedStyle(outer).overflow === 'visible') continue;
        const frame = outer.getBoundingClientRect();
        if (found[2] > frame.right + window.scrollX + 1.5 || found[3] > frame.bottom + window.scrollY + 1.5)
          clipped.push(match[0]);
      }
    }
  }
  still.remove();
  const root = document.documentElement;
  return {page: [root.clientWidth, Math.max(document.body.scrollHeight, Math.ceil(document.body.getBoundingClientRect().bottom))],
          marks: [...marks, ...words], clipped};
}
